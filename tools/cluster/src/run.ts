import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { SetupProblem } from "../../setup/problem.mjs";

/** An ordinary PATH may leave out where distributions keep what only root runs. */
export const environment = () => ({
  ...process.env,
  PATH: `${process.env["PATH"]}:/usr/local/sbin:/usr/sbin:/sbin`,
});

/** Runs a program to its end and returns what it printed; a failure becomes one sentence with its last words. */
export async function run(command: readonly string[], input?: string): Promise<string> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env: environment() });
  child.stdin.on("error", () => {}); // it ended without reading
  child.stdin.end(input);
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
  const [code, output, errors] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  if (code === 0) return output;
  throw new SetupProblem(
    `${command.join(" ")} failed: ${errors.trim() || output.trim() || `exit code ${code}`}`,
  );
}
