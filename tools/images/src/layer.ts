import { createHash } from "node:crypto";
import { createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { hashOf } from "../../setup/files.mjs";
import { folders } from "./folders.ts";
import { run } from "./run.ts";

export interface Layer {
  readonly title: string;
  /** `sha256:` and the digest of the tar file, which is not compressed. */
  readonly digest: string;
  readonly size: number;
}

export interface Packing {
  readonly title: string;
  readonly root: string;
  /** Where the root lies in the image; "." for its top. */
  readonly at?: string;
  readonly names?: readonly string[];
  readonly without?: readonly string[];
  /** For all files alike; what the builder's umask was does not matter. */
  readonly mode?: string;
}

/** The same files make the same bytes, whoever packs them and when: names in order, one date, one owner, one mode. */
const reproducible = [
  "--format=posix",
  "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime",
  "--sort=name",
  "--mtime=@0",
  "--owner=0",
  "--group=0",
  "--numeric-owner",
  "--hard-dereference",
];

/** Packs a folder as a tar file into the store of blobs. */
export async function packLayer({
  title,
  root,
  at = ".",
  names = ["."],
  without = [],
  mode,
}: Packing): Promise<Layer> {
  const args = [
    ...reproducible,
    `--mode=${mode ?? "u=rwX,go=rX"}`,
    `--transform=flags=rSH;s,^\\./,,;s,^,${at === "." ? "./" : `./${at}/`},`,
    ...without.map((pattern) => `--exclude=${pattern}`),
    "--create",
    "--file=-",
    `--directory=${root}`,
    ...names,
  ];
  const hash = createHash("sha256");
  let size = 0;
  const draft = join(folders.blobs, `.draft-${process.pid}`);
  mkdirSync(folders.blobs, { recursive: true });
  await run("tar", args, {
    env: { PATH: process.env["PATH"], LC_ALL: "C" },
    onOutput: (output) => {
      output.on("data", (chunk: Buffer) => {
        hash.update(chunk);
        size += chunk.byteLength;
      });
      return pipeline(output, createWriteStream(draft));
    },
  });
  const digest = hash.digest("hex");
  renameSync(draft, join(folders.blobs, digest));
  return { title, digest: `sha256:${digest}`, size };
}

/** A layer that is costly to make is kept under what it was made from. */
export async function keptLayer(
  title: string,
  madeFrom: readonly string[],
  make: () => Promise<Layer>,
): Promise<Layer> {
  const note = join(folders.layers, `${hashOf({ values: [title, ...madeFrom, reproducible.join()] })}.json`);
  if (existsSync(note)) {
    const layer = JSON.parse(readFileSync(note, "utf8")) as Layer; // written below
    if (existsSync(blobOf(layer.digest))) return layer;
  }
  const layer = await make();
  mkdirSync(folders.layers, { recursive: true });
  writeFileSync(note, JSON.stringify(layer));
  return layer;
}

export function blobOf(digest: string): string {
  return join(folders.blobs, digest.replace("sha256:", ""));
}
