// Runs the programs that set-up needs: output goes to a log file, a failure becomes one sentence, and none outlives set-up.
import { execFileSync, spawn } from "node:child_process";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join, sep } from "node:path";
import { createInterface } from "node:readline";
import { paths } from "./paths.mjs";
import { explainFailure, SetupProblem } from "./problem.mjs";

const keptLines = 400;
const running = new Set();

/** `what` is the start of the sentence on failure, e.g. "Installing the npm packages". An `onLine` that throws ends the program. */
export async function runTool({ what, command, args, cwd, env = process.env, onLine = () => {}, lock }) {
  const log = join(paths.logs, `${what.toLowerCase().replace(/[^a-z0-9]+/g, "-")}.log`);
  mkdirSync(paths.logs, { recursive: true });
  writeFileSync(log, `${new Date().toISOString()} ${command} ${args.join(" ")}\n`);
  const output = [];
  const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  if (child.pid !== undefined) lock.noteChild(child.pid);
  try {
    await Promise.all([
      readLines(child.stdout, log, output, onLine),
      readLines(child.stderr, log, output, onLine),
      untilExit(child),
    ]);
  } catch (error) {
    child.kill();
    throw error.code === "ENOENT"
      ? new SetupProblem(
          `${what} failed because ${command} is not installed: install it and run the same command again.`,
        )
      : explainFailure(what, output.length > 0 ? output : [String(error.message)], log);
  } finally {
    running.delete(child);
  }
}

async function readLines(stream, log, output, onLine) {
  for await (const line of createInterface({ input: stream })) {
    appendFileSync(log, `${line}\n`);
    if (line.trim() !== "") output.push(line);
    if (output.length > keptLines) output.splice(1, 1);
    onLine(line);
  }
}

function untilExit(child) {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) =>
      code === 0 ? resolve() : reject(new Error(`ended with ${signal ?? `exit code ${code}`}`)),
    );
  });
}

export function stopTools() {
  for (const child of running) child.kill("SIGTERM");
}

/** Trimmed standard output, or undefined when the program is absent or fails. For quick questions such as `--version`. */
export function ask(command, args, options = {}) {
  try {
    return execFileSync(command, args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 60_000,
      ...options,
    }).trim();
  } catch {
    return undefined;
  }
}

/** The caller's environment without the repository's own programs: they may be absent or about to be replaced. */
export function machineEnvironment() {
  const isOurs = (folder) => folder.endsWith(`${sep}node_modules${sep}.bin`);
  const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => !isOurs(folder));
  return { ...process.env, PATH: path.join(delimiter) };
}
