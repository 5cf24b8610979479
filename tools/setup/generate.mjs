// `npm run generate [-- --check]`: code, descriptors and docs/events.md from proto/. Local plugins only, no network. --check fails when docs/events.md is stale.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { eventsDocument } from "./events-document.mjs";
import { readFolder, syncFolder } from "./sync-folder.mjs";
import { writeThirdPartyProtos } from "./third-party-protos.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const contracts = join(root, "packages/contracts");
const gen = join(contracts, "src/gen");
const bin = join(root, "node_modules/.bin");

await generate({ check: process.argv.includes("--check") });

async function generate({ check }) {
  await writeThirdPartyProtos(join(root, "proto"), join(contracts, ".third_party"));
  const work = await makeWorkFolder();
  try {
    await buf("generate", "-o", work);
    await buf("build", "--as-file-descriptor-set", "-o", join(work, "gen/descriptors.binpb"));
    await syncFolder(gen, await readFolder(join(work, "gen")));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  await writeEventsDocument(check);
}

/** Beside its destination, so that an interrupted run leaves nothing in the tree that Git would show. */
async function makeWorkFolder() {
  const parent = join(root, "node_modules/.cache");
  await mkdir(parent, { recursive: true });
  return mkdtemp(join(parent, "gradients-generate-"));
}

/** Plugins are Node scripts: the workspace's own Node comes first in PATH. */
async function buf(...args) {
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH}` };
  try {
    await promisify(execFile)(join(bin, "buf"), args, { cwd: root, env });
  } catch (error) {
    process.stderr.write(`${error.stdout ?? ""}${error.stderr ?? error.message}\n`);
    process.exit(1);
  }
}

async function writeEventsDocument(check) {
  const path = join(root, "docs/events.md");
  const wanted = eventsDocument(await readFile(join(gen, "descriptors.binpb")));
  const current = await readFile(path, "utf8").catch(() => "");
  if (current === wanted) return;
  if (check) {
    process.stderr.write("docs/events.md does not match proto/: run `npm run generate` and commit it\n");
    process.exit(1);
  }
  await writeFile(path, wanted);
}
