import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { loadConfig } from "./config.ts";
import { openRelay } from "./test/relay-double.ts";
import { createTrainer } from "./trainer-gpu.ts";

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

test("when the relay is gone for too long, the engine is ended, its folder removed and the attempt abandoned", {
  timeout: 30_000,
}, async () => {
  const relay = await openRelay({});
  const trainer = createTrainer(
    loadConfig({
      env: {
        TRAINER_GPU_LOG_LEVEL: "error",
        TRAINER_GPU_RELAY_TARGET: relay.target,
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
  await relay.close();
  await running;
  expect(trainer.exitCode()).toBe(76);
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  expect(await readdir(join(folder, "scratch"))).toEqual([]);
});
