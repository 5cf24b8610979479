import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes a file whole, for its owner alone. One that holds the content already is left alone: some servers stop when their configuration changes. */
export async function writeStable(file: string, content: string): Promise<string> {
  const known = await readFile(file, "utf8").catch(() => undefined);
  if (known === content) return file;
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, content, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return file;
}
