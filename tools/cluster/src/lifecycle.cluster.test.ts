import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { paths } from "../../setup/paths.mjs";
import { down, loadArchives, up } from "./cluster/cluster.ts";
import { runFolder } from "./layout.ts";
import { ctrIn } from "./node/image-store.ts";
import { findNode } from "./node/namespaces.ts";
import { kubectl } from "./testing/commands.ts";
import { snapshotMachine } from "./testing/machine-snapshot.ts";
import { suiteProblem } from "./testing/suite-problem.ts";

const problem = suiteProblem("node");

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
    await deployShell();
    await kubectl("expose", "deployment", "left", "--port=80");
    expect(await snapshotMachine()).not.toEqual(before);
    await down();
    expect(await snapshotMachine()).toEqual(before);
  }, 120_000);

  it("an image that was loaded is there for the next cluster until its archive goes, the containers of the last one are not", async () => {
    await up({ profile: "node" });
    const folder = await mkdtemp(join(paths.scratch, "gradients-image-"));
    const archive = join(folder, "kept.tar");
    const name = await exportUnderDigest(archive);
    await loadArchives([archive]);
    await deployShell();
    await down();
    await up({ profile: "node" });
    expect(await inNode("images", "list", "--quiet")).toContain(name);
    expect((await inNode("containers", "list")).filter((line) => line.includes(SHELL))).toEqual([]);
    await rm(folder, { recursive: true });
    await down();
    await up({ profile: "node" });
    expect(await inNode("images", "list", "--quiet")).not.toContain(name);
  }, 180_000);
});

const SHELL = "gradients.test/shell:1";

async function deployShell(): Promise<void> {
  await kubectl("create", "deployment", "left", `--image=${SHELL}`, "--", "sleep", "1000");
  await kubectl("rollout", "status", "deployment/left", "--timeout=60s");
}

/** containerd's own client. */
async function inNode(...args: readonly string[]): Promise<readonly string[]> {
  const place = await findNode(runFolder);
  if (place === undefined) throw new Error("no node is up");
  return ctrIn(runFolder, place)(...args);
}

/** An image of the node's under a name by its digest, as an archive; the node forgets that name. */
async function exportUnderDigest(archive: string): Promise<string> {
  const line = (await inNode("images", "list")).find((one) => one.startsWith(SHELL)) ?? "";
  const name = `kept.test/shell@${/sha256:[0-9a-f]{64}/.exec(line)?.[0]}`;
  await inNode("images", "tag", SHELL, name);
  await inNode("images", "export", archive, name);
  await inNode("images", "delete", name);
  return name;
}

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
