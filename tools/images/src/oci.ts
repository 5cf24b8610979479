import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { folders } from "./folders.ts";
import { blobOf, type Layer } from "./layer.ts";
import { expectRoom } from "./room.ts";
import { run } from "./run.ts";

export interface ImageConfig {
  readonly user: string;
  readonly workDir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface Archive {
  readonly path: string;
  /** Of the image's manifest: what a pod's image reference ends in. */
  readonly digest: string;
  readonly size: number;
}

const EPOCH = "1970-01-01T00:00:00Z";
const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/**
 * An OCI image layout in one tar file. containerd imports it under the repository's name with the tag `test`, and under its digest, by which pods name it:
 * `ctr -n k8s.io images import FILE`.
 */
export async function writeArchive(
  name: string,
  repository: string,
  layers: readonly Layer[],
  config: ImageConfig,
): Promise<Archive> {
  const configBlob = blobFrom(configOf(layers, config), "application/vnd.oci.image.config.v1+json");
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: configBlob.descriptor,
    layers: layers.map(({ digest, size }) => ({
      mediaType: "application/vnd.oci.image.layer.v1.tar",
      digest,
      size,
    })),
  };
  const manifestBlob = blobFrom(manifest, manifest.mediaType);
  const { digest } = manifestBlob.descriptor;
  const names = [`${repository}:test`, `${repository}@${digest}`];
  const index = JSON.stringify({
    schemaVersion: 2,
    manifests: names.map((reference) => ({
      ...manifestBlob.descriptor,
      annotations: {
        "io.containerd.image.name": reference,
        "org.opencontainers.image.ref.name": reference,
      },
    })),
  });
  const path = join(folders.archives, `${name}.tar`);
  if (!(await holds(path, index))) {
    const bytes = layers.reduce((sum, { size }) => sum + size, 0);
    expectRoom(`The archive of the image ${name}`, bytes);
    const layout = join(folders.work, `${name}-layout`);
    layOut(layout, { index, layers, blobs: [configBlob, manifestBlob] });
    await packLayout(layout, path);
  }
  return { path, digest, size: statSync(path).size };
}

/** An archive is put in place whole, so its index tells all that is in it. */
async function holds(archive: string, index: string): Promise<boolean> {
  if (!existsSync(archive)) return false;
  const extract = ["--extract", "--to-stdout", "--occurrence=1", `--file=${archive}`, "index.json"];
  return (await run("tar", extract)) === index;
}

interface Layout {
  readonly index: string;
  readonly layers: readonly Layer[];
  readonly blobs: readonly Blob[];
}

function layOut(layout: string, { index, layers, blobs }: Layout): void {
  const folder = join(layout, "blobs/sha256");
  rmSync(layout, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const at = (digest: string) => join(folder, digest.slice("sha256:".length));
  for (const { digest } of layers) place(blobOf(digest), at(digest));
  for (const { bytes, descriptor } of blobs) writeFileSync(at(descriptor.digest), bytes);
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(join(layout, "index.json"), index);
}

async function packLayout(layout: string, path: string): Promise<void> {
  const draft = `${path}.draft`;
  const times = [
    "--sort=name",
    "--mtime=@0",
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "--mode=u=rwX,go=rX",
  ];
  const content = ["oci-layout", "index.json", "blobs"];
  await run("tar", [
    ...times,
    "--hard-dereference",
    "--create",
    `--file=${draft}`,
    `--directory=${layout}`,
    ...content,
  ]);
  renameSync(draft, path);
  rmSync(layout, { recursive: true });
}

function configOf(layers: readonly Layer[], { user, workDir, env, entrypoint, labels }: ImageConfig): object {
  return {
    architecture: architectures[process.arch] ?? process.arch,
    os: "linux",
    created: EPOCH,
    config: {
      User: user,
      WorkingDir: workDir,
      Env: Object.entries(env).map(([key, value]) => `${key}=${value}`),
      Entrypoint: entrypoint,
      Labels: labels,
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
    history: layers.map(({ title }) => ({ created: EPOCH, created_by: title })),
  };
}

interface Blob {
  readonly bytes: Buffer;
  readonly descriptor: { readonly mediaType: string; readonly digest: string; readonly size: number };
}

function blobFrom(content: object, mediaType: string): Blob {
  const bytes = Buffer.from(JSON.stringify(content));
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  return { bytes, descriptor: { mediaType, digest, size: bytes.byteLength } };
}

function place(blob: string, path: string): void {
  try {
    linkSync(blob, path);
  } catch {
    copyFileSync(blob, path);
  }
}
