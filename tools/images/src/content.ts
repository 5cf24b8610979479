import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { folders } from "./folders.ts";
import { type Layer, packLayer } from "./layer.ts";
import type { ImageConfig } from "./oci.ts";
import type { Component } from "./sbom.ts";

/** What an image is made of. */
export interface Content {
  readonly layers: readonly Layer[];
  readonly components: readonly Component[];
  readonly config: Omit<ImageConfig, "labels">;
}

/** Debian packages of every image. A shell and its tools are there as in Debian's own images. */
export const system = [
  "base-files",
  "netbase",
  "tzdata",
  "ca-certificates",
  "libstdc++6",
  "dash",
  "coreutils",
];
export const searchPath = "/usr/local/bin:/usr/bin:/bin";

/** /tmp for everybody; read-only containers get a volume there. */
export async function temporary(): Promise<Layer> {
  const root = join(folders.work, "temporary");
  mkdirSync(join(root, "tmp"), { recursive: true });
  return packLayer({ title: "/tmp", root, names: ["./tmp"], mode: "1777" });
}

export function versionOf(manifest: string): string {
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version; // npm's own format
}
