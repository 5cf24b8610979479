// Files that appear whole or not at all, and the stamps that say what they were made from.
import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";

/** sha-256 over strings and the content of files and folders (with the names in a folder, not where it lies: checkouts share the cache). */
export function hashOf({ files = [], values = [] }) {
  const hash = createHash("sha256");
  for (const value of values) hash.update(`${value}\0`);
  for (const root of files) {
    for (const file of listFiles(root))
      hash
        .update(`${relative(dirname(root), file)}\0`)
        .update(readFileSync(file))
        .update("\0");
  }
  return hash.digest("hex");
}

/** A missing file counts as an empty folder. */
function listFiles(path) {
  if (!existsSync(path)) return [];
  const entries = readFolder(path);
  if (entries === undefined) return [path];
  return entries
    .filter((entry) => !["node_modules", "dist", "__pycache__"].includes(entry.name))
    .map((entry) => join(path, entry.name))
    .sort()
    .flatMap(listFiles);
}

function readFolder(path) {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if (error.code === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Inside a folder, beside a file: whoever deletes the folder deletes its stamp. */
export const stampInside = (folder) => join(folder, ".made-from");
export const stampBeside = (file) => join(dirname(file), `.${basename(file)}.made-from`);

export function hasStamp(stamp, madeFrom) {
  try {
    return readFileSync(stamp, "utf8").trim() === madeFrom;
  } catch {
    return false;
  }
}

export function writeStamp(stamp, madeFrom) {
  mkdirSync(dirname(stamp), { recursive: true });
  writeWhole(stamp, `${madeFrom}\n`);
}

export function writeWhole(path, content) {
  const temporary = temporarySibling(path);
  writeFileSync(temporary, content);
  renameSync(temporary, path);
}

/** Gives `make` an absent path beside `target`; what it leaves there takes the target's place. */
export async function replaceWhole(target, make) {
  mkdirSync(dirname(target), { recursive: true });
  const temporary = temporarySibling(target);
  try {
    await make(temporary);
    swapIn(temporary, target);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function swapIn(temporary, target) {
  if (!existsSync(target)) return renameSync(temporary, target);
  const old = temporarySibling(target);
  renameSync(target, old);
  renameSync(temporary, target);
  rmSync(old, { recursive: true, force: true });
}

const temporaryName = /\.tmp-(\d+)-[0-9a-f]+$/;

export function temporarySibling(path) {
  return join(dirname(path), `${basename(path)}.tmp-${process.pid}-${randomBytes(4).toString("hex")}`);
}

/** Removes what an interrupted set-up left in these folders. The caller holds the set-up lock, so nobody else is at work there. */
export function removeLeftovers(folders) {
  for (const folder of folders.filter(existsSync)) {
    for (const name of readdirSync(folder).filter((entry) => temporaryName.test(entry)))
      rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** A folder that other user ids may pass through (PostgreSQL's), whatever the umask. */
export function makeFolder(path) {
  if (existsSync(path)) return;
  if (!existsSync(dirname(path))) makeFolder(dirname(path));
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o755);
}

/** Free bytes for this user on the disk of `path`, which need not exist yet; with the disk's identity. */
export function freeSpace(path) {
  for (let folder = path; ; folder = dirname(folder)) {
    if (existsSync(folder)) {
      const disk = statfsSync(folder);
      return disk.bavail * disk.bsize;
    }
  }
}
