import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { paths } from "../../setup/paths.mjs";

const run = promisify(execFile);
const code = [":/", ":(top,exclude)docs"];

/** The newest commit that changed something outside docs/: runs that follow one another write theirs, and all ran the same code. Marked when the tree holds other changes. */
export async function readCommit(): Promise<string> {
  const commit = await git("log", "-1", "--format=%h", "--", ...code);
  const changes = await git("status", "--porcelain", "--", ...code);
  return changes === "" ? commit : `${commit}-dirty`;
}

async function git(...args: readonly string[]): Promise<string> {
  const { stdout } = await run("git", [...args], { cwd: paths.repositoryRoot });
  return stdout.trim();
}
