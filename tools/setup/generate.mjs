// `npm run generate`: code, descriptors and docs/events.md from proto/. Local plugins only, no network.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { writeEventsDocument } from "./events-document.mjs";
import { readFolder, syncFolder } from "./sync-folder.mjs";
import { writeThirdPartyProtos } from "./third-party-protos.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const contracts = join(root, "packages/contracts");
const bin = join(root, "node_modules/.bin");

await writeThirdPartyProtos(join(root, "proto"), join(contracts, ".third_party"));
const work = await makeWorkFolder();
try {
  await buf("generate", "-o", work);
  // With comments: reflection and the OpenAPI document show them.
  await buf("build", "--as-file-descriptor-set", "-o", join(work, "gen/descriptors.binpb"));
  syncFolder(join(contracts, "src/gen"), readFolder(join(work, "gen")));
} finally {
  await rm(work, { recursive: true, force: true });
}
writeEventsDocument();

/** Inside node_modules, so that an interrupted run leaves nothing that Git would show. */
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
    process.stderr.write(`buf ${args[0]} failed:\n${error.stderr || error.message}\n`);
    process.exit(1);
  }
}
