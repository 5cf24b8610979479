import { randomBytes } from "node:crypto";
import { chmod, chown, mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { paths } from "../../../tools/setup/paths.mjs";

export interface ServerFolder {
  readonly path: string;
  readonly logFile: string;
  /** What the guard removes at the end: everything, or nothing when the data shall stay. */
  readonly removeAtEnd: readonly string[];
}

/** A fresh folder that goes with the server, or `dataDir`, which stays. Both belong to `owner` alone. */
export async function makeServerFolder(
  kind: string,
  dataDir: string | undefined,
  owner?: { readonly uid: number; readonly gid: number },
): Promise<ServerFolder> {
  const path = dataDir ?? (await mkdtemp(join(paths.scratch, `gradients-${kind}-`)));
  await mkdir(path, { recursive: true });
  if (owner !== undefined) await chown(path, owner.uid, owner.gid);
  await chmod(path, 0o700);
  return { path, logFile: join(path, `${kind}.log`), removeAtEnd: dataDir === undefined ? [path] : [] };
}

/** A random value that a persistent server keeps over restarts. */
export async function keptSecret(folder: ServerFolder, name: string): Promise<string> {
  const file = join(folder.path, name);
  const known = await readFile(file, "utf8").catch(() => "");
  if (known !== "") return known.trim();
  const secret = randomBytes(18).toString("base64url");
  await writeFile(file, secret, { mode: 0o600 });
  return secret;
}
