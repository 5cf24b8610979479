import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { SetupProblem } from "../../setup/problem.mjs";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Takes standard output while it comes; without it the output is returned. */
  readonly onOutput?: (output: Readable) => Promise<void>;
}

const KEPT_ERROR_LENGTH = 2_000;

/** Runs a program to its end and returns what it wrote. A failure becomes one sentence with its last words. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const child = spawn(command, args, {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: options.cwd,
    env: options.env ?? process.env,
  });
  const exit = once(child, "exit") as Promise<[number | null, string | null]>;
  const [errors, output] = await Promise.all([
    textOf(child.stderr, KEPT_ERROR_LENGTH),
    options.onOutput ? options.onOutput(child.stdout).then(() => "") : textOf(child.stdout),
    exit.catch((error: unknown) => {
      throw new SetupProblem(`${command} could not be started: ${String(error)}`);
    }),
  ]);
  const [code, signal] = await exit;
  if (code !== 0)
    throw new SetupProblem(`${command} ${args[0] ?? ""} ended with ${signal ?? code}: ${errors}`);
  return output;
}

async function textOf(stream: Readable, kept = Number.POSITIVE_INFINITY): Promise<string> {
  let text = "";
  for await (const chunk of stream) {
    text += String(chunk);
    if (text.length > kept) text = text.slice(-kept);
  }
  return text;
}
