import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { armFailpoints, systemClock } from "@gradients/kernel";
import { createLogger } from "@gradients/runtime";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Behaviour, describeFleet, type FleetGround, spec } from "../test/fleet-conformance.ts";
import { LocalFleet } from "./local-fleet.ts";
import { signalProcess, startTimeOf } from "./process-identity.ts";

const deps = { logger: createLogger({ service: "test", level: "silent" }), clock: systemClock };

/** Says what it got, starts a child of its own, and ends as its behaviour tells. */
const program = `
  const { spawn } = require("node:child_process");
  const { writeFileSync, renameSync } = require("node:fs");
  const child = spawn("sleep", ["600"], { stdio: "ignore" });
  writeFileSync("started.tmp", JSON.stringify({ env: process.env, pid: process.pid, child: child.pid }));
  renameSync("started.tmp", "started.json");
  if (process.env.BEHAVIOUR === "stubborn") process.on("SIGTERM", () => {});
  else process.on("SIGTERM", () => { child.kill(); process.exit(75); });
  if (process.env.BEHAVIOUR === "crash") process.exit(3);
  setInterval(() => {}, 1000);
`;

function open(dir: string, behaviour: Behaviour = "polite"): LocalFleet {
  return new LocalFleet(
    {
      dir,
      classes: [{ name: "cpu", description: "", slots: 4, threadsPerSlot: 1 }],
      command: [process.execPath, "-e", program],
      python: "/venv/bin/python",
      cacheDir: "/cache",
      stopGraceSeconds: 20,
      env: { BEHAVIOUR: behaviour },
    },
    deps,
  );
}

interface Started {
  readonly env: Readonly<Record<string, string>>;
  readonly pid: number;
  readonly child: number;
}

async function started(dir: string, name: string): Promise<Started> {
  const path = join(dir, name, "started.json");
  return vi.waitFor(async () => JSON.parse(await readFile(path, "utf8")) as Started, { timeout: 10_000 });
}

async function localGround(): Promise<FleetGround> {
  const dir = await mkdtemp(join(tmpdir(), "fleet-"));
  const seen = new Map<string, Started>();
  let behaviour: Behaviour = "polite";
  return {
    open: async () => open(dir, behaviour),
    behave: (next) => {
      behaviour = next;
    },
    tokenOf: async (name) => {
      seen.set(name, await started(dir, name));
      return seen.get(name)?.env["TRAINER_GPU_ATTEMPT_TOKEN"] ?? "";
    },
    isAlive: async (name) => {
      const { pid, child } = seen.get(name) ?? (await started(dir, name).catch(() => ({ pid: 0, child: 0 })));
      const times = await Promise.all([pid, child].map(startTimeOf));
      return times.some((time) => time !== undefined);
    },
    leftovers: () => readdir(dir),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

describeFleet("processes on this machine", localGround);

let dir: string;
let fleet: LocalFleet;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "fleet-"));
  fleet = open(dir);
});

afterEach(async () => {
  for (const pod of await fleet.list()) await fleet.remove(pod.name);
  await rm(dir, { recursive: true, force: true });
});

test("gives a pod its own folder and nothing of our environment", async () => {
  await fleet.start(spec());
  const { env } = await started(dir, spec().name);
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

test("neither kills a pod nor keeps it longer when the time of day is set", async () => {
  await fleet.start(spec());
  await started(dir, spec().name);
  for (const off of [3_600_000, -3_600_000]) {
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + off });
    expect((await fleet.list()).map(({ phase }) => phase.kind)).toEqual(["running"]);
    vi.useRealTimers();
  }
});

test("clears a folder away whose removal was cut short by the end of the process", async () => {
  await fleet.start(spec());
  await started(dir, spec().name);
  armFailpoints((name) => {
    if (name === "scheduler.pod-set-aside") throw new Error("as if it died here");
  });
  await expect(fleet.remove(spec().name)).rejects.toThrow("as if it died here");
  armFailpoints(undefined);
  expect(await readdir(dir)).not.toEqual([]);
  expect(await open(dir).list()).toEqual([]);
  expect(await readdir(dir)).toEqual([]);
});

test("leaves a process alone that only has the number of an ended pod", async () => {
  await fleet.start(spec());
  const { pid } = await started(dir, spec().name);
  await writeFile(join(dir, spec().name, "pid"), `${pid} 1\n`);
  expect((await fleet.list())[0]?.phase).toMatchObject({ kind: "stopping" });
  expect(signalProcess(pid, 0)).toBe(true);
  signalProcess(-pid, "SIGKILL");
});
