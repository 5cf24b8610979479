import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AttemptService, Directive } from "@gradients/contracts/trainer";
import { bind, createRpcPart } from "@gradients/rpc";
import { createLogger } from "@gradients/runtime";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { loadConfig } from "./config.ts";
import { createTrainer } from "./trainer-gpu.ts";

const logger = createLogger({ service: "test", level: "silent" });

/** An engine that would work for ever. */
const engine = `#!/bin/sh
echo $$ > engine.pid
exec sleep 600
`;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "trainer-"));
  await writeFile(join(folder, "engine"), engine);
  await chmod(join(folder, "engine"), 0o755);
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** Gives out work without inputs, and takes reports. */
function openRelay() {
  const refuse = () => Promise.reject(new Error("not expected here"));
  const binding = bind(AttemptService, {
    getAssignment: async () => ({ jobId: "j", attemptId: "a", heartbeatSeconds: 0.2, engineSpecJson: "{}" }),
    report: async () => ({ directive: Directive.CONTINUE }),
    beginUpload: refuse,
    completeUpload: refuse,
    commitCheckpoint: refuse,
    finish: refuse,
  });
  return createRpcPart({
    bindings: [binding],
    listen: { host: "127.0.0.1", port: 0 },
    logger,
    reflection: false,
  });
}

test("when the relay is gone for too long, the engine is ended, its folder removed and the attempt abandoned", {
  timeout: 30_000,
}, async () => {
  const relay = openRelay();
  const { grpc = "" } = (await relay.start?.()) ?? {};
  const trainer = createTrainer(
    loadConfig({
      env: {
        TRAINER_GPU_LOG_LEVEL: "error",
        TRAINER_GPU_RELAY_TARGET: grpc,
        TRAINER_GPU_ATTEMPT_TOKEN: "token",
        TRAINER_GPU_EPOCH: "0",
        TRAINER_GPU_SCRATCH_DIR: join(folder, "scratch"),
        TRAINER_GPU_CACHE_DIR: join(folder, "cache"),
        TRAINER_GPU_PYTHON: join(folder, "engine"),
        TRAINER_GPU_RELAY_LOST_SECONDS: "1",
      },
      argv: [],
    }),
  );
  const running = trainer.run(new AbortController().signal);
  const pidFile = join(folder, "scratch/work/engine.pid");
  const pid = await vi.waitFor(async () => Number(await readFile(pidFile, "utf8")), { timeout: 10_000 });
  await relay.stop?.();
  await running;
  expect(trainer.exitCode()).toBe(76);
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  expect(await readdir(join(folder, "scratch"))).toEqual([]);
});
