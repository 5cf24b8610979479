// Brings a folder to a wanted content by touching only what differs: readers of unchanged files never see a
// gap.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { writeWhole } from "./files.mjs";

/**
 * @param {string} folder
 * @param {ReadonlyMap<string, string | Uint8Array>} files relative path to content; everything else goes
 */
export function syncFolder(folder, files) {
  for (const [path, content] of files) writeIfChanged(join(folder, path), Buffer.from(content));
  // Another run may be about to rename its temporary files.
  const superfluous = filesIn(folder).filter((path) => !files.has(path) && !path.includes(".tmp-"));
  for (const path of superfluous) rmSync(join(folder, path), { force: true });
}

/** Every file under a folder as a map of relative path to content. */
export function readFolder(folder) {
  return new Map(filesIn(folder).map((path) => [path, readFileSync(join(folder, path))]));
}

function filesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)));
}

function writeIfChanged(path, content) {
  if (existsSync(path) && content.equals(readFileSync(path))) return;
  mkdirSync(dirname(path), { recursive: true });
  writeWhole(path, content);
}
