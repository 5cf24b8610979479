// Third-party .proto files are not committed: those that our own files import, directly or not, are laid out
// in
// one git-ignored folder, from npm packages.
import { mkdirSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { printProto } from "./print-proto.mjs";
import { syncFolder } from "./sync-folder.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const modules = join(root, "node_modules");

// Needed by our TypeScript (error details, transcoding) whether or not a proto of ours imports them.
const alwaysNeeded = [
  "google/api/annotations.proto",
  "google/api/field_behavior.proto",
  "google/rpc/error_details.proto",
  "google/rpc/status.proto",
];

/** Makes `target` hold exactly the third-party protos that the files under `protoDir` need. */
export async function writeThirdPartyProtos(protoDir, target) {
  const own = await protoFiles(protoDir);
  const files = new Map();
  const sources = await Promise.all(own.map((path) => readFile(join(protoDir, path), "utf8")));
  const queue = [...alwaysNeeded, ...sources.flatMap(importsOf)];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (own.includes(path) || files.has(path) || path.startsWith("google/protobuf/")) continue;
    const source = await readThirdParty(path);
    files.set(path, source);
    queue.push(...importsOf(source));
  }
  mkdirSync(target, { recursive: true });
  syncFolder(target, files);
}

/** Paths of all .proto files under a folder, relative to it, sorted. */
export async function protoFiles(folder) {
  const entries = await readdir(folder, { recursive: true });
  return entries
    .filter((path) => path.endsWith(".proto"))
    .map((path) => path.replaceAll("\\", "/"))
    .sort();
}

function importsOf(source) {
  return [...source.matchAll(/^\s*import\s+(?:public\s+|weak\s+)?"([^"]+)"\s*;/gm)].map((match) => match[1]);
}

async function readThirdParty(path) {
  if (path === "buf/validate/validate.proto") return printProto((await validateDescriptor()).proto);
  try {
    return await readFile(join(modules, "google-proto-files", path), "utf8");
  } catch (cause) {
    throw new Error(`no npm package provides the imported proto file ${path}`, { cause });
  }
}

/** protovalidate's own descriptor: the package ships generated code, not the .proto file. */
async function validateDescriptor() {
  const generated = join(modules, "@bufbuild/protovalidate/dist/esm/gen/buf/validate/validate_pb.js");
  return (await import(pathToFileURL(generated).href)).file_buf_validate_validate;
}
