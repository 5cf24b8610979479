import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger, type Logger } from "@gradients/runtime";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { fakeEngine, python } from "../test/fake-engine.ts";
import type { EngineEvent } from "./engine-events.ts";
import type { EngineEnd, EngineRunner } from "./engine-runner.ts";
import { Halt } from "./halt.ts";
import { listenForEngine } from "./socket-engine.ts";
import { spawnedEngine } from "./spawn-engine.ts";

let workDir: string;
let halt: Halt;
let errors: number;
let children: ChildProcess[];
let events: EngineEvent[];

beforeEach(async () => {
  workDir = await mkdtemp(join(tmpdir(), "runner-"));
  await writeFile(join(workDir, "spec.json"), "{}");
  halt = new Halt();
  errors = 0;
  children = [];
  events = [];
  return async () => {
    for (const child of children) child.kill("SIGKILL");
    await rm(workDir, { recursive: true, force: true });
  };
});

const silent = createLogger({ service: "test", level: "silent" });
const logger = new Proxy<Logger>(silent, {
  get: (target, name: keyof Logger) => (name === "error" ? () => errors++ : target[name]),
});
const environment = { PATH: process.env["PATH"] ?? "" };
const socketPath = () => join(workDir, "engine.sock");

type Start = (act: string) => Promise<EngineRunner>;

const spawned: Start = async (act) =>
  spawnedEngine({ python, engineDir: await fakeEngine(workDir, act), environment, logger });

const served: Start = async (act) => {
  const runner = await listenForEngine({ path: socketPath(), connectSeconds: 10, logger });
  const engineDir = await fakeEngine(workDir, act);
  const args = ["-m", "gradients_engine", "serve", "--socket", socketPath()];
  children.push(spawn(python, args, { env: { ...environment, PYTHONPATH: engineDir }, stdio: "ignore" }));
  return runner;
};

async function run(start: Start, act: string, stopSeconds = 5): Promise<EngineEnd> {
  await using runner = await start(act);
  return await runner.run({ workDir, threads: 1, stopSeconds }, halt, (event) => events.push(event));
}

const types = () => events.map(({ type }) => type);
const seen = (count: number) => vi.waitFor(() => expect(events).toHaveLength(count), { timeout: 10_000 });

describe.each([
  ["as a child process", spawned],
  ["behind a socket", served],
])("an engine %s", (_where, start) => {
  test("says what it does and how it ended", async () => {
    const end = await run(
      start,
      `say("phase", phase="training"); progress(1); progress(2); say("result", **RESULT)`,
    );
    expect(types()).toEqual(["phase", "progress", "progress", "result"]);
    expect(end.exitCode).toBe(0);
  });

  test("fails with a reason and a code of its own", async () => {
    const end = await run(start, `say("error", code="DATA_INVALID", message="row 3"); end(65)`);
    expect(events).toEqual([{ type: "error", code: "DATA_INVALID", message: "row 3" }]);
    expect(end.exitCode).toBe(65);
  });

  test("that dies without a word has no exit code", async () => {
    const end = await run(start, `progress(1); os.kill(os.getpid(), signal.SIGKILL)`);
    expect(types()).toEqual(["progress"]);
    expect(end.exitCode).toBeNull();
  });

  test("saves and ends when it is asked to", async () => {
    const running = run(
      start,
      `progress(1); stopped(); say("checkpoint", dir="c", step=1, train_seconds=1); end(75)`,
    );
    await seen(1);
    halt.request("sigterm");
    expect((await running).exitCode).toBe(75);
    expect(types()).toEqual(["progress", "checkpoint"]);
  });

  test("that ignores the request is given up after the grace", async () => {
    const running = run(start, `progress(1); stopped(); progress(2); time.sleep(600)`, 0.7);
    await seen(1);
    const asked = Date.now();
    halt.request("sigterm");
    expect((await running).exitCode).toBeNull();
    expect(types()).toEqual(["progress", "progress"]);
    expect(Date.now() - asked).toBeGreaterThan(600);
  });

  test("is left at once when nobody wants the work", async () => {
    const running = run(start, `progress(1); time.sleep(600)`, 60);
    await seen(1);
    halt.request("fenced");
    expect((await running).exitCode).toBeNull();
  });

  test("that sends rubbish is heard where it makes sense", async () => {
    const odd = [
      `raw(b"\\xff\\xfe\\x00 nonsense\\n\\n{}\\n[]\\n")`,
      `raw(b"[" * 60000 + b"\\n" + b'{"a":' * 10000 + b"\\n")`,
      `progress(-1); progress(1e300); say("progress", step="1"); say("phase", phase="x" * 100)`,
      `say("checkpoint", dir=["/"], step=1); say("result", kind="magic"); say("exit", code="0"); say("exit", code=-1)`,
      `raw(b'{"type":"progress","step":' + b"9" * 200000 + b"}\\n")`,
    ];
    await run(start, `${odd.join("\n")}\nprogress(7)`);
    expect(events).toEqual([expect.objectContaining({ type: "progress", step: 7n })]);
    expect(errors).toBe(6);
  });

  test("that floods is slowed down, takes no memory, and can still be stopped", async () => {
    const before = process.memoryUsage().rss;
    const running = run(start, `progress(1)\nblock = b"x" * (1 << 20)\nwhile True: raw(block)`, 60);
    await seen(1);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(process.memoryUsage().rss - before).toBeLessThan(60e6);
    halt.request("deadline");
    await running;
    expect(types()).toEqual(["progress"]);
  });
});

test("what a served engine says after its end is not heard, and its connection is closed", async () => {
  const end = await run(
    served,
    `say("exit", code=0); say("result", **RESULT); stopped(0.2); say("exit", code=3)`,
  );
  expect(end.exitCode).toBe(0);
  expect(events).toEqual([]);
});

test("an engine that ends as if it had been asked to leaves time for the news", async () => {
  const running = run(served, `progress(1); end(75)`);
  await seen(1);
  setTimeout(() => halt.request("sigterm"), 300);
  await running;
  expect(halt.cause).toBe("sigterm");
});

describe("a socket", () => {
  afterEach(() => halt.request("deadline"));

  test("takes one engine and no second", async () => {
    await using runner = await served("stopped()");
    const running = runner.run({ workDir, threads: 1, stopSeconds: 1 }, halt, () => {});
    await vi.waitFor(async () => {
      const second = connect(socketPath());
      await expect(once(second, "connect")).rejects.toMatchObject({ code: "ENOENT" });
    });
    halt.request("fenced");
    await running;
  });

  test("to which nobody comes is waited at for so long and no longer", async () => {
    await using runner = await listenForEngine({ path: socketPath(), connectSeconds: 0.2, logger });
    const work = { workDir, threads: 1, stopSeconds: 1 };
    await expect(runner.run(work, halt, () => {})).rejects.toMatchObject({ name: "EngineMissing" });
    const waiting = runner.run(work, halt, () => {});
    halt.request("fenced");
    await expect(waiting).rejects.toMatchObject({ name: "Halted" });
  });
});
