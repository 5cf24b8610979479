import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jobs, pathOf } from "@gradients/kube";
import type { RunOptions } from "../benchmark.ts";
import { type ChildOptions, startChild } from "../child.ts";
import { memorySettings } from "../kubernetes/memory-settings.ts";
import { makeNamespace } from "../kubernetes/plane.ts";
import { auditedControlPlane, TIMEOUT_MS } from "./audited-plane.ts";
import type { CallLimits } from "./limits.ts";
import { type Generator, rulesOf, seriesOf } from "./load.ts";
import { measureRun } from "./measure-run.ts";
import type { ClassTimes, Outcome } from "./outcome.ts";

const NAMESPACE = "trainers";

/** Our admitter with the load as suspended Jobs. */
export async function runOurs(
  generator: Generator,
  limits: CallLimits,
  { profileDir }: RunOptions,
): Promise<Outcome> {
  await using cleanup = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "gradients-bench-kueue-"));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  const plane = cleanup.use(await auditedControlPlane());
  const client = await makeNamespace(plane.kubeconfig, NAMESPACE);
  cleanup.defer(() => client.transport.close());
  const rules = join(folder, "rules.json");
  const series = join(folder, "series.json");
  await writeFile(rules, JSON.stringify(rulesOf(generator)));
  await writeFile(series, JSON.stringify(seriesOf(generator)));
  const start = (program: string, args: readonly string[], options: ChildOptions = {}) =>
    startChild(new URL(`./${program}-program.ts`, import.meta.url), {
      args: [plane.kubeconfig, NAMESPACE, ...args],
      ...options,
    });
  const asked = [rules, JSON.stringify(limits)];
  const admitter = cleanup.use(await start("admitter", asked, { env: memorySettings, profileDir }));
  const runner = cleanup.use(await start("runner", [series]));
  const question = { admitter: "gradients-scheduler", runner: "bench", resource: "jobs" } as const;
  const ground = { plane, client, question, path: pathOf(jobs, NAMESPACE), endCondition: "Complete" };
  return await measureRun(ground, async () => {
    const classes = await runner.ask<Record<string, ClassTimes>>("run", TIMEOUT_MS);
    return { classes, ...(await admitter.ask<{ cpuSeconds: number; peakRssBytes: number }>("usage")) };
  });
}
