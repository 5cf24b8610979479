import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * What a pod is on Kubernetes, as one program for the local fleet: an agent, and beside it an engine that is none of its children's and comes to its
 * socket: the platform's, or the program that TEST_PROGRAM names. It has no token and no address. The socket's name is relative, since such names are
 * short.
 */
const trainer = fileURLToPath(new URL("../../../trainer-gpu", import.meta.url));
const socket = "scratch/run/engine.sock";
const { TRAINER_GPU_PYTHON: python = "", PATH = "", HOME = "", TEST_PROGRAM } = process.env;
const program = TEST_PROGRAM === undefined ? ["-m", "gradients_engine"] : [TEST_PROGRAM];

spawn(python, [...program, "serve", "--socket", socket], {
  env: { PATH, HOME, PYTHONPATH: join(trainer, "engine") },
  stdio: "inherit",
}).unref();

delete process.env["TRAINER_GPU_PYTHON"];
process.env["TRAINER_GPU_ENGINE_SOCKET"] = socket;
await import(join(trainer, "src/main.ts"));
