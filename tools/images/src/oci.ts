import { createHash } from "node:crypto";
import { copyFileSync, linkSync, mkdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
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
  const bytes = layers.reduce((sum, { size }) => sum + size, 0);
  expectRoom(`The archive of the image ${name}`, bytes);
  const layout = join(folders.work, `${name}-layout`);
  const blobs = join(layout, "blobs/sha256");
  rmSync(layout, { recursive: true, force: true });
  mkdirSync(blobs, { recursive: true });
  for (const { digest } of layers) place(blobOf(digest), join(blobs, digest.slice("sha256:".length)));
  const configBlob = put(blobs, configOf(layers, config), "application/vnd.oci.image.config.v1+json");
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: configBlob,
    layers: layers.map(({ digest, size }) => ({
      mediaType: "application/vnd.oci.image.layer.v1.tar",
      digest,
      size,
    })),
  };
  const described = put(blobs, manifest, manifest.mediaType);
  const names = [`${repository}:test`, `${repository}@${described.digest}`];
  const manifests = names.map((reference) => ({
    ...described,
    annotations: { "io.containerd.image.name": reference, "org.opencontainers.image.ref.name": reference },
  }));
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
  const path = join(folders.archives, `${name}.tar`);
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
  return { path, digest: described.digest, size: statSync(path).size };
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

function put(folder: string, content: object, mediaType: string) {
  const bytes = Buffer.from(JSON.stringify(content));
  const digest = createHash("sha256").update(bytes).digest("hex");
  writeFileSync(join(folder, digest), bytes);
  return { mediaType, digest: `sha256:${digest}`, size: bytes.byteLength };
}

function place(blob: string, path: string): void {
  try {
    linkSync(blob, path);
  } catch {
    copyFileSync(blob, path);
  }
}
