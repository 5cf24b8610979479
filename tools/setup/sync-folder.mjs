// Brings a folder to a wanted content by touching only what differs, so that readers of unchanged files never see a gap.
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** @param {string} folder @param {ReadonlyMap<string, string | Uint8Array>} files relative path to content; anything else in the folder is removed */
export async function syncFolder(folder, files) {
  for (const [path, content] of files) await writeIfChanged(join(folder, path), content);
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const full = join(entry.parentPath ?? entry.path, entry.name);
    const relative = full.slice(folder.length + 1).replaceAll("\\", "/");
    if (!files.has(relative)) await rm(full);
  }
}

/** Every file under a folder as a map of relative path to content. */
export async function readFolder(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  const contents = await Promise.all(paths.map((path) => readFile(path)));
  return new Map(paths.map((path, index) => [path.slice(folder.length + 1).replaceAll("\\", "/"), contents[index]]));
}

async function writeIfChanged(path, content) {
  const wanted = Buffer.from(content);
  const current = await readFile(path).catch((error) => (error.code === "ENOENT" ? undefined : Promise.reject(error)));
  if (current?.equals(wanted)) return;
  await mkdir(dirname(path), { recursive: true });
  const next = `${path}.${process.pid}.next`;
  await writeFile(next, wanted);
  await rename(next, path);
}
