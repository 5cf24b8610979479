import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { paths } from "../../setup/paths.mjs";
import { down, up } from "./cluster/cluster.ts";
import { clusterProblem } from "./cluster/needs.ts";
import { kubectl } from "./testing/commands.ts";
import { snapshotMachine } from "./testing/machine-snapshot.ts";

const problem = clusterProblem("node");

describe.skipIf(problem !== undefined)(`a cluster's life${problem ? ` (${problem})` : ""}`, () => {
  let before: Awaited<ReturnType<typeof snapshotMachine>>;

  beforeAll(async () => {
    await down();
    before = await snapshotMachine();
  });
  afterAll(down);

  it.each(["namespaces", "containerd", "kube-apiserver", "kubelet"])(
    "down heals an `up` that was killed after its step %s",
    async (step) => {
      await upKilledAfter(step);
      await down();
      expect(await snapshotMachine()).toEqual(before);
    },
    120_000,
  );

  it("`up` goes on where a killed one stopped, and does nothing when all runs", async () => {
    await upKilledAfter("kube-apiserver");
    await up({ profile: "node" });
    const processes = (await snapshotMachine()).processes;
    await up({ profile: "node" });
    expect((await snapshotMachine()).processes).toEqual(processes);
  }, 180_000);

  it("`down` leaves nothing of a cluster with pods, Services and policies", async () => {
    await up({ profile: "node" });
    await kubectl("create", "deployment", "left", "--image=gradients.test/shell:1", "--", "sleep", "1000");
    await kubectl("expose", "deployment", "left", "--port=80");
    await kubectl("rollout", "status", "deployment/left", "--timeout=60s");
    expect(await snapshotMachine()).not.toEqual(before);
    await down();
    expect(await snapshotMachine()).toEqual(before);
  }, 120_000);
});

/** The program as a user starts it, ended as the kernel would when memory runs out. */
async function upKilledAfter(step: string): Promise<void> {
  const program = `${paths.repositoryRoot}/tools/cluster/src/main.ts`;
  const child = spawn(process.execPath, [program, "up"], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "exit");
  for await (const line of createInterface({ input: child.stderr })) {
    if (!line.endsWith(` ${step}`)) continue;
    child.kill("SIGKILL");
    break;
  }
  const [, signal] = (await ended) as [number | null, string | null];
  expect(signal).toBe("SIGKILL");
}
