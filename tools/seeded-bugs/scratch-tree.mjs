import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readlink, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { paths } from "../setup/paths.mjs";

const run = promisify(execFile);
const root = paths.repositoryRoot;
/** What set-up makes in a checkout and Git does not keep. */
const MADE = ["packages/contracts/src/gen", "packages/contracts/.third_party"];

/** Another checkout of what is here, changes of tracked files included, with the packages of this one. Nothing that is done to it shows here. */
export async function openScratchTree() {
  await run("git", ["rev-parse", "--git-dir"], { cwd: root }).catch(() => {
    throw new Error("Seeded bugs are applied to a Git worktree: this is no Git checkout");
  });
  const folder = await mkdtemp(join(paths.scratch, "gradients-seeded-bugs-"));
  const path = join(folder, "tree");
  const remove = async () => {
    await git("worktree", "remove", "--force", path).catch(() => {}); // it may never have come to be
    await rm(folder, { recursive: true, force: true });
    await git("worktree", "prune");
  };
  try {
    await git("worktree", "add", "--quiet", "--detach", path, await currentState());
    await linkPackages(path);
    for (const made of MADE) await cp(join(root, made), join(path, made), { recursive: true });
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    path,
    apply: (patch) => run("git", ["apply", patch], { cwd: path }),
    restore: () => run("git", ["checkout", "--quiet", "--", "."], { cwd: path }),
    remove,
  };
}

/** A commit that no branch knows, or the newest one when nothing was changed. */
async function currentState() {
  const { stdout } = await git("stash", "create");
  return stdout.trim() || "HEAD";
}

/** Foreign packages are those of this checkout; our own must be the scratch tree's, so their relative links are made anew in it. */
async function linkPackages(path) {
  const [from, to] = [join(root, "node_modules"), join(path, "node_modules")];
  await mkdir(join(to, "@gradients"), { recursive: true });
  for (const name of await readdir(from))
    if (name !== "@gradients" && name !== ".vite") await symlink(join(from, name), join(to, name));
  for (const name of await readdir(join(from, "@gradients")))
    await symlink(await readlink(join(from, "@gradients", name)), join(to, "@gradients", name));
}

function git(...args) {
  return run("git", args, { cwd: root });
}
