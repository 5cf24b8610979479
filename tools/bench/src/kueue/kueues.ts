import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { binaryPath, type KueueModule, makeKueueDefinitions } from "@gradients/cluster";
import { type GuardedChild, spawnGuarded } from "@gradients/testkit";
import { parse } from "yaml";
import { clientFor } from "../kubernetes/plane.ts";
import { descendants, peakRssBytes } from "../processes.ts";
import { auditedControlPlane, TIMEOUT_MS } from "./audited-plane.ts";
import type { KueueForm } from "./kueue-forms.ts";
import { runnerLimits } from "./limits.ts";
import { type Generator, generatorText } from "./load.ts";
import { measureRun } from "./measure-run.ts";
import type { ClassTimes, Outcome } from "./outcome.ts";

const WORKLOADS = "/apis/kueue.x-k8s.io/v1beta2/workloads";

/** Kueue's admission with the load as Workloads, by Kueue's own runner. */
export async function runKueues(
  generator: Generator,
  source: KueueModule,
  { program, start }: KueueForm,
): Promise<Outcome> {
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "gradients-bench-kueue-"));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const plane = cleanup.use(await auditedControlPlane());
  const client = clientFor(plane.kubeconfig, "default");
  cleanup.defer(() => client.transport.close());
  await makeKueueDefinitions(plane.kubeconfig, source);
  const config = join(folder, "generator.yaml");
  await writeFile(config, generatorText(generator));
  const own = <T extends GuardedChild>(child: T): T => {
    cleanup.defer(() => child.stop());
    return child;
  };
  const question = { admitter: `${program}/`, runner: "kueue-runner", resource: "workloads" } as const;
  const ground = { plane, client, question, path: WORKLOADS, endCondition: "Finished" };
  return await measureRun(ground, async () => {
    const admitter = own(await start(plane.kubeconfig, folder, source));
    const runner = own(startRunner(plane.kubeconfig, config, folder, source));
    await runner.ended;
    const measured = descendants().find((one) => one.program === program);
    if (measured === undefined)
      throw new Error(`${program} has ended before its runner:\n${admitter.logTail()}`);
    const usage = { cpuSeconds: measured.cpuSeconds, peakRssBytes: peakRssBytes(measured.pid) };
    return { ...usage, classes: await readSummary(join(folder, "summary.yaml"), runner) };
  });
}

function startRunner(
  kubeconfig: string,
  generatorConfig: string,
  folder: string,
  source: KueueModule,
): GuardedChild {
  const { perSecond, burst } = runnerLimits;
  const limits = ["--qps", String(perSecond), "--burst", String(burst)];
  const timeout = ["--timeout", `${TIMEOUT_MS / 1000}s`];
  const args = ["--kubeconfig", kubeconfig, "--o", folder, "--generatorConfig", generatorConfig];
  return spawnGuarded({
    command: binaryPath("kueue-runner"),
    args: [...args, ...limits, ...timeout],
    // The runner looks for files in the parent of that folder, and ends at once where there is none.
    env: { PROJECT_DIR: join(source.folder, "x") },
    logFile: join(folder, "kueue-runner.log"),
    stopSignal: "TERM",
    stopTimeoutSeconds: 10,
    removeAtEnd: [],
  });
}

interface Summary {
  readonly workloadClasses: Readonly<
    Record<
      string,
      { readonly count: number; readonly totalEvictions: number; readonly averageTimeToAdmissionMs: number }
    >
  >;
}

async function readSummary(
  file: string,
  runner: GuardedChild,
): Promise<Readonly<Record<string, ClassTimes>>> {
  const text = await readFile(file, "utf8").catch(() => {
    throw new Error(`Kueue's runner has written no summary:\n${runner.logTail()}`);
  });
  const { workloadClasses } = parse(text) as Summary;
  return Object.fromEntries(
    Object.entries(workloadClasses).map(([name, { count, totalEvictions, averageTimeToAdmissionMs }]) => [
      name,
      { count, meanMs: averageTimeToAdmissionMs, evictions: totalEvictions },
    ]),
  );
}
