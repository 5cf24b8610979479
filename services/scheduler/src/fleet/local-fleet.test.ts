import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@gradients/kernel";
import { createLogger } from "@gradients/runtime";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { PodSpec } from "./gpu-fleet.ts";
import { LocalFleet } from "./local-fleet.ts";
import { podName } from "./pod-name.ts";
import { signalProcess, startTimeOf } from "./process-identity.ts";

const classes = [{ name: "cpu", description: "", slots: 4, threadsPerSlot: 1 }];
const deps = { logger: createLogger({ service: "test", level: "silent" }), clock: systemClock };

/** Says what it got, starts a child of its own, and ends as its behaviour tells. */
const program = `
  const { spawn } = require("node:child_process");
  const { writeFileSync } = require("node:fs");
  const child = spawn("sleep", ["600"], { stdio: "ignore" });
  writeFileSync("started.json", JSON.stringify({ env: process.env, pid: process.pid, child: child.pid }));
  if (process.env.BEHAVIOUR === "stubborn") process.on("SIGTERM", () => {});
  else process.on("SIGTERM", () => { child.kill(); process.exit(75); });
  if (process.env.BEHAVIOUR === "crash") process.exit(3);
  setInterval(() => {}, 1000);
`;

let dir: string;
let fleets: LocalFleet[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "fleet-"));
  fleets = [];
});

afterEach(async () => {
  for (const fleet of fleets) for (const pod of await fleet.list()) await fleet.remove(pod.name);
  await rm(dir, { recursive: true, force: true });
});

function open(behaviour = "polite"): LocalFleet {
  const fleet = new LocalFleet(
    {
      dir,
      classes,
      command: [process.execPath, "-e", program],
      python: "/venv/bin/python",
      cacheDir: "/cache",
      stopGraceSeconds: 20,
      env: { BEHAVIOUR: behaviour },
    },
    deps,
  );
  fleets.push(fleet);
  return fleet;
}

function spec(attemptId = "a", epoch = 0): PodSpec {
  return {
    name: podName(attemptId, epoch),
    attemptId,
    epoch,
    hardwareClass: "cpu",
    relayTarget: "127.0.0.1:1",
    traceparent: null,
    token: "secret-token",
  };
}

async function started(pod: PodSpec): Promise<{ env: Record<string, string>; pid: number; child: number }> {
  const path = join(dir, pod.name, "started.json");
  return vi.waitFor(async () => JSON.parse(await readFile(path, "utf8")), { timeout: 10_000 });
}

async function phaseOf(fleet: LocalFleet, pod: PodSpec) {
  return (await fleet.list()).find(({ name }) => name === pod.name)?.phase;
}

async function runningOf(pids: readonly number[]): Promise<number[]> {
  const times = await Promise.all(pids.map(startTimeOf));
  return pids.filter((_, place) => times[place] !== undefined);
}

test("gives a pod its own folder and nothing of our environment", async () => {
  const fleet = open();
  expect(await fleet.start(spec())).toBe("started");
  const { env } = await started(spec());
  expect(
    Object.keys(env)
      .filter((name) => !["PWD", "SHLVL", "_", "OLDPWD"].includes(name))
      .toSorted(),
  ).toEqual(
    [
      "BEHAVIOUR",
      "HOME",
      "LANG",
      "PATH",
      "TMPDIR",
      "TRAINER_GPU_ATTEMPT_TOKEN",
      "TRAINER_GPU_CACHE_DIR",
      "TRAINER_GPU_EPOCH",
      "TRAINER_GPU_PYTHON",
      "TRAINER_GPU_RELAY_TARGET",
      "TRAINER_GPU_SCRATCH_DIR",
      "TRAINER_GPU_STOP_SECONDS",
      "TRAINER_GPU_THREADS",
    ].toSorted(),
  );
  expect(await readFile(join(dir, spec().name, "pod.json"), "utf8")).not.toContain("secret-token");
});

test("starts a pod of the same name only once", async () => {
  const fleet = open();
  await fleet.start(spec());
  expect(await fleet.start(spec())).toBe("exists");
  expect(await open().start(spec())).toBe("exists");
});

test("a new fleet on the same folder finds, stops and removes what an earlier one started", async () => {
  await open().start(spec());
  const { pid, child } = await started(spec());
  const heir = open();
  expect(await heir.list()).toMatchObject([{ attemptId: "a", epoch: 0, phase: { kind: "running" } }]);
  await heir.stop(spec().name, 10);
  await vi.waitFor(async () => expect(await phaseOf(heir, spec())).toMatchObject({ kind: "ended" }), 10_000);
  await heir.remove(spec().name);
  expect(await runningOf([pid, child])).toEqual([]);
  expect(await readdir(dir)).toEqual([]);
});

test("kills the whole group of a pod that does not stop in its grace", async () => {
  const fleet = open("stubborn");
  await fleet.start(spec());
  const { child } = await started(spec());
  await fleet.stop(spec().name, 0.2);
  expect(await phaseOf(fleet, spec())).toMatchObject({ kind: "stopping" });
  await vi.waitFor(
    async () => {
      await fleet.stop(spec().name, 0.2);
      expect(await phaseOf(fleet, spec())).toMatchObject({ kind: "ended" });
    },
    { timeout: 10_000 },
  );
  expect(await runningOf([child])).toEqual([]);
});

test("kills what outlives a crashed pod and tells its exit code", async () => {
  const fleet = open("crash");
  const changed = Promise.withResolvers<void>();
  fleet.watch(changed.resolve, new AbortController().signal);
  await fleet.start(spec());
  const { child } = await started(spec());
  await changed.promise;
  await vi.waitFor(async () =>
    expect(await phaseOf(fleet, spec())).toMatchObject({ kind: "ended", exitCode: 3 }),
  );
  expect(await runningOf([child])).toEqual([]);
});

test("leaves a process alone that only has the number of an ended pod", async () => {
  const fleet = open();
  await fleet.start(spec());
  const { pid } = await started(spec());
  await writeFile(join(dir, spec().name, "pid"), `${pid} 1\n`);
  expect(await phaseOf(fleet, spec())).toMatchObject({ kind: "stopping" });
  expect(signalProcess(pid, 0)).toBe(true);
  signalProcess(-pid, "SIGKILL");
});

test("close leaves no process, or all of them, as it is told", async () => {
  const fleet = open();
  await fleet.start(spec("a"));
  await fleet.start(spec("b"));
  const pods = [await started(spec("a")), await started(spec("b"))].flatMap(({ pid, child }) => [pid, child]);
  await fleet.close({ stopPods: false });
  expect(await runningOf(pods)).toEqual(pods);
  await fleet.close({ stopPods: true });
  expect(await runningOf(pods)).toEqual([]);
  expect(await readdir(dir)).toEqual([]);
});
