import { once } from "node:events";
import { ChainService } from "@gradients/contracts/chain";
import { type Dataset, GatewayService, type Job } from "@gradients/contracts/gateway";
import { type Network, startNetwork } from "@gradients/dev/network";
import { createRpcClient, RpcError } from "@gradients/rpc";
import colours from "picocolors";
import { showAnswers } from "./answers.ts";
import { checkDataset } from "./dataset.ts";
import { DemoError } from "./demo-error.ts";
import { resolveModel } from "./model.ts";
import type { DemoOptions } from "./options.ts";
import { showPayments } from "./payments.ts";
import { watchRace } from "./race.ts";
import { createScreen, type Screen } from "./screen.ts";
import type { Stage } from "./stage.ts";
import { verdictLines } from "./verdict-view.ts";

/** Runs the main job on this machine and shows it. Returns the exit code. */
export async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<number> {
  const screen = createScreen(process.stdout);
  const started = Date.now();
  try {
    const model = await resolveModel(options.model, signal);
    heading(screen, "System");
    await using network = await startNetwork({
      logLevel: "error",
      ...(model === undefined ? {} : { model }),
      onUp: (part, address) =>
        screen.print(`  ${colours.green("✓")} ${part.padEnd(16)} ${colours.dim(address)}`),
    });
    await Promise.race([mainJob(options, screen, network, signal), network.died, aborted(signal)]);
    screen.print(`\nThe whole job took ${Math.round((Date.now() - started) / 1000)} s.`);
    if (options.keep) await keepRunning(screen, network, signal);
    return 0;
  } catch (error) {
    screen.settle();
    if (signal.aborted) return options.keep ? 0 : 130;
    process.stderr.write(`\n${explain(error)}\n`);
    return 1;
  }
}

async function mainJob(
  options: DemoOptions,
  screen: Screen,
  network: Network,
  signal: AbortSignal,
): Promise<void> {
  // The client that a partner would use: generated types, the public address, an API key.
  const gateway = createRpcClient(GatewayService, {
    target: network.addresses.gateway["grpc"] ?? "",
    token: network.apiKey,
    defaultDeadlineMs: 30_000,
  });
  try {
    const { project } = await gateway.getCaller({});
    const stage: Stage = { screen, gateway, project, network, signal };
    heading(screen, "Data set");
    const dataset = await checkDataset(stage, options.dataset);
    heading(screen, "Job");
    const accepted = await createJob(stage, dataset, options);
    heading(screen, "Race");
    const job = await watchRace(stage, accepted);
    const { verdict } = job;
    if (verdict === undefined)
      throw new DemoError(`The job ended without a model: ${job.failure?.message ?? "no reason given"}`);
    heading(screen, "Verdict");
    for (const line of verdictLines(verdict)) screen.print(line);
    heading(screen, "Answers");
    await showAnswers(stage, job, verdict);
    heading(screen, "Chain");
    await showPayments(stage, job, verdict, chainClient(network));
  } finally {
    gateway.close();
  }
}

async function createJob(
  { gateway, project, screen }: Stage,
  dataset: Dataset,
  options: DemoOptions,
): Promise<Job> {
  const { models } = await gateway.listModels({});
  const model = models[0]?.name ?? "";
  const { job } = await gateway.createJob({
    parent: project,
    requestId: crypto.randomUUID(),
    job: {
      displayName: "demo",
      model,
      dataset: dataset.name,
      contestants: options.contestants,
      budgetSeconds: options.budgetSeconds,
    },
  });
  if (job === undefined) throw new DemoError("The gateway accepted the job but did not return it.");
  screen.print(`  accepted as ${colours.bold(job.name)}`);
  screen.print(`  ${model}, ${options.contestants} contestants, ${options.budgetSeconds} s of training each`);
  return job;
}

function chainClient(network: Network) {
  return createRpcClient(ChainService, {
    target: network.addresses["chain-bridge"]["grpc"] ?? "",
    defaultDeadlineMs: 10_000,
  });
}

async function keepRunning(screen: Screen, network: Network, signal: AbortSignal): Promise<void> {
  const { http, grpc } = network.addresses.gateway;
  screen.print(`
The system keeps running. Ctrl-C ends it.

  web page  ${http}/#key=${network.apiKey}
  REST      curl -H "Authorization: Bearer ${network.apiKey}" ${http}/v1/caller
  OpenAPI   ${http}/openapi.json
  gRPC      ${grpc} (reflection is on; metadata authorization: Bearer <key>)`);
  await Promise.race([aborted(signal).catch(() => {}), network.died]);
}

function heading(screen: Screen, text: string): void {
  screen.print(`\n${colours.bold(text)}`);
}

async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, "abort");
  throw new Error("stopped", { cause: signal.reason });
}

function explain(error: unknown): string {
  if (error instanceof DemoError) return error.message;
  if (error instanceof RpcError) {
    return [
      error.message,
      ...error.fieldViolations.map(({ field, description }) => `  ${field}: ${description}`),
    ].join("\n");
  }
  return error instanceof Error
    ? `${error.stack ?? error.message}${error.cause ? `\nCause: ${explain(error.cause)}` : ""}`
    : String(error);
}
