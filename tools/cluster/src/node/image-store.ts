import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Place } from "../daemons/daemons.ts";
import { imagesFolder } from "../layout.ts";
import { outcomeOf, run } from "../run.ts";
import { writeStable } from "../write-stable.ts";
import { programPath } from "./packages.ts";
import { containerdSocket } from "./servers.ts";

/** containerd's own client in the node; resolves with the lines that it prints. */
type Ctr = (...args: readonly string[]) => Promise<readonly string[]>;

export function ctrIn(dir: string, place: Place): Ctr {
  const command = [...place.enter, programPath("ctr"), "--address", containerdSocket(dir)];
  return async (...args) => {
    const output = await run([...command, "--namespace", "k8s.io", ...args]);
    return output.split("\n").filter((line) => line !== "");
  };
}

/** Archives as made by `docker save` or buildah. Those whose images are there, by digest, are not read. */
export async function loadImages(ctr: Ctr, archives: readonly string[]): Promise<void> {
  const known = new Set(await ctr("images", "list", "--quiet"));
  const loaded = await readLoaded();
  for (const archive of archives) {
    const names = await digestsIn(archive);
    if (names.length > 0) loaded[archive] = names;
    if (names.length > 0 && names.every((name) => known.has(name))) continue;
    await ctr("images", "import", "--no-unpack=false", archive);
  }
  await mkdir(imagesFolder, { recursive: true });
  await writeStable(loadedFile, JSON.stringify(loaded));
}

/** Takes away what pods of an earlier cluster have left, and all images but the cluster's own and those last loaded from archives that are still there. */
export async function tidyImages(ctr: Ctr): Promise<void> {
  const containers = await ctr("containers", "list", "--quiet");
  if (containers.length > 0) await ctr("containers", "delete", ...containers);
  const loaded = Object.entries(await readLoaded()).filter(([archive]) => existsSync(archive));
  const names = new Set(loaded.flatMap(([, known]) => known));
  const digests = new Set([...names].map((name) => name.split("@")[1] ?? ""));
  const images = (await ctr("images", "list")).slice(1).map(imageOf); // below a line of titles
  for (const { name, digest } of images) if (name.startsWith(OWN)) digests.add(digest);
  // Tags, and containerd's own names by identifier, go with what they stand for.
  const isKept = ({ name, digest }: NamedImage) =>
    name.includes("@") ? names.has(name) : digests.has(digest);
  const stale = images.filter((image) => !isKept(image)).map(({ name }) => name);
  if (stale.length > 0) await ctr("images", "delete", "--sync", ...stale);
  await writeStable(loadedFile, JSON.stringify(Object.fromEntries(loaded)));
}

/** Packed by the cluster itself. */
const OWN = "gradients.test/";
/** Archives by their paths, and the digests by which they name their images. */
const loadedFile = join(imagesFolder, "loaded.json");

async function readLoaded(): Promise<Record<string, readonly string[]>> {
  if (!existsSync(loadedFile)) return {};
  return JSON.parse(await readFile(loadedFile, "utf8")) as Record<string, readonly string[]>; // written above
}

interface NamedImage {
  readonly name: string;
  readonly digest: string;
}

function imageOf(line: string): NamedImage {
  const [name = "", , digest = ""] = line.split(/\s+/);
  return { name, digest };
}

/** By which the archive names its images, if it is an OCI layout that names them by digest: what is there under those is the same. */
async function digestsIn(archive: string): Promise<readonly string[]> {
  const extract = ["tar", "--extract", "--to-stdout", "--occurrence=1", "--file", archive, "index.json"];
  const { code, output } = await outcomeOf(extract);
  if (code !== 0) return []; // as `docker save` makes them
  const { manifests } = JSON.parse(output) as { readonly manifests: readonly Described[] };
  const names = manifests.map(({ annotations }) => annotations?.["io.containerd.image.name"] ?? "");
  return names.filter((name) => name.includes("@sha256:"));
}

interface Described {
  readonly annotations?: Readonly<Record<string, string>>;
}
