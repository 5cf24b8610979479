// Compares proto/ with the main branch: nothing that clients, stored events or JSON callers rely on may
// change.
// `--against <ref>` names another commit. Skips, with a message, where there is nothing to compare with.
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { writeThirdPartyProtos } from "../setup/third-party-protos.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const thirdParty = "packages/contracts/.third_party";
const run = promisify(execFile);

process.exitCode = await main();

async function main() {
  const ref = await firstCommit(
    process.argv.includes("--against") ? [process.argv.at(-1)] : ["main", "origin/main"],
  );
  if (ref === undefined) return skip("this is no Git checkout with a main branch");
  const paths = (await git("ls-tree", "-r", "--name-only", ref, "--", "proto"))
    .split("\n")
    .filter((path) => path.endsWith(".proto"));
  if (paths.length === 0) return skip(`${ref} has no .proto files yet`);
  await writeThirdPartyProtos(join(root, "proto"), join(root, thirdParty));
  const before = await makeFolder();
  try {
    await checkOut(ref, paths, before);
    return await compare(before, ref);
  } finally {
    await rm(before, { recursive: true, force: true });
  }
}

async function firstCommit(refs) {
  for (const ref of refs) {
    const found = await git("rev-parse", "--verify", "--quiet", `${ref}^{commit}`).catch(() => undefined);
    if (found) return ref;
  }
  return undefined;
}

function skip(reason) {
  console.log(`not compared: ${reason}`);
  return 0;
}

async function makeFolder() {
  const parent = join(root, "node_modules/.cache");
  await mkdir(parent, { recursive: true });
  return mkdtemp(join(parent, "gradients-breaking-"));
}

/** The old files, with what they import, laid out as here so that one buf.yaml fits both. */
async function checkOut(ref, paths, folder) {
  for (const path of paths) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), await git("show", `${ref}:${path}`));
  }
  await writeThirdPartyProtos(join(folder, "proto"), join(folder, thirdParty));
  await copyFile(join(root, "buf.yaml"), join(folder, "buf.yaml"));
}

async function compare(before, ref) {
  const images = { before: join(before, "before.binpb"), now: join(before, "now.binpb") };
  try {
    await buf("build", join(before, "proto"), "-o", images.before);
    await buf("build", "proto", "-o", images.now);
    await buf(
      "breaking",
      images.now,
      "--against",
      images.before,
      "--exclude-imports",
      "--config",
      "buf.yaml",
    );
    return 0;
  } catch (error) {
    console.log(`proto/ breaks what ${ref} promises:\n${error.stdout}${error.stderr}`);
    return 1;
  }
}

function buf(...args) {
  return run(join(root, "node_modules/.bin/buf"), args, { cwd: root });
}

async function git(...args) {
  const { stdout } = await run("git", args, { cwd: root, maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}
