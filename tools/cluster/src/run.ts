import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { SetupProblem } from "../../setup/problem.mjs";

/** An ordinary PATH may leave out where distributions keep what only root runs. */
export const environment = () => ({
  ...process.env,
  PATH: `${process.env["PATH"]}:/usr/local/sbin:/usr/sbin:/sbin`,
});

export interface Outcome {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs a program to its end, however it ends; `input` is what it reads from its standard input. Rejects when it could not be started. */
export async function outcomeOf(
  command: readonly string[],
  {
    input,
    env = environment(),
  }: { readonly input?: string | undefined; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Outcome> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env });
  child.stdin.on("error", () => {}); // it ended without reading
  child.stdin.end(input);
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
  const [code, output, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  return { code, output, errors };
}

/** Returns what it printed; a failure becomes one sentence with its last words. */
export async function run(command: readonly string[], input?: string): Promise<string> {
  const { code, output, errors } = await outcomeOf(command, { input });
  if (code === 0) return output;
  throw new SetupProblem(
    `${command.join(" ")} failed: ${errors.trim() || output.trim() || `exit code ${code}`}`,
  );
}
