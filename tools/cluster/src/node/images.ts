import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { binaryPath } from "../binaries/catalogue.ts";
import { run } from "../run.ts";
import { programPath } from "./packages.ts";

export interface Image {
  readonly name: string;
  /** Path in the image to a file of this machine, made executable. */
  readonly programs: Readonly<Record<string, string>>;
  /** Path in the image to what the link says. */
  readonly links?: Readonly<Record<string, string>>;
  readonly entrypoint: readonly string[];
}

export const pauseImage: Image = {
  name: "gradients.test/pause:1",
  programs: { "/pause": binaryPath("pause") },
  entrypoint: ["/pause"],
};

export const dnsImage: Image = {
  name: "gradients.test/coredns:1",
  programs: { "/coredns": binaryPath("coredns") },
  entrypoint: ["/coredns"],
};

const shellTools = ["sh", "cat", "env", "id", "kill", "ls", "nc", "nslookup", "ps", "sleep", "touch", "wget"];

/** A shell and network tools for pods of tests. */
export const shellImage = (): Image => ({
  name: "gradients.test/shell:1",
  programs: { "/bin/busybox": programPath("busybox") },
  links: Object.fromEntries(shellTools.map((tool) => [`/bin/${tool}`, "busybox"])),
  entrypoint: ["/bin/sh"],
});

/** Packs an image of one layer as `docker save` would: no engine and no registry is needed. Returns the archive's path. */
export async function packImage(image: Image, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, ".work-"));
  try {
    const layer = join(work, "layer.tar");
    await layOut(image, join(work, "root"));
    await tar(layer, join(work, "root"), ["."]);
    const config = imageConfig(image, await digest(layer));
    const configName = `${createHash("sha256").update(config).digest("hex")}.json`;
    await writeFile(join(work, configName), config);
    const manifest = [{ Config: configName, RepoTags: [image.name], Layers: ["layer.tar"] }];
    await writeFile(join(work, "manifest.json"), JSON.stringify(manifest));
    await tar(join(work, "image.tar"), work, ["manifest.json", configName, "layer.tar"]);
    const archive = join(folder, `${image.name.replace(/[^\w.]+/g, "-")}.tar`);
    await rename(join(work, "image.tar"), archive);
    return archive;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function layOut({ programs, links = {} }: Image, root: string): Promise<void> {
  await mkdir(join(root, "tmp"), { recursive: true });
  await chmod(join(root, "tmp"), 0o1777);
  for (const [target, source] of Object.entries(programs)) {
    await mkdir(dirname(join(root, target)), { recursive: true });
    await copyFile(source, join(root, target));
    await chmod(join(root, target), 0o755);
  }
  for (const [target, content] of Object.entries(links)) await symlink(content, join(root, target));
}

/** The same input makes the same bytes, so an image keeps its digest. */
function tar(archive: string, folder: string, names: readonly string[]): Promise<string> {
  const stable = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
  return run(["tar", ...stable, "-C", folder, "-cf", archive, ...names]);
}

function imageConfig({ entrypoint }: Image, layerDigest: string): string {
  return JSON.stringify({
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: { Entrypoint: entrypoint, Env: ["PATH=/bin"] },
    rootfs: { type: "layers", diff_ids: [`sha256:${layerDigest}`] },
  });
}

const digest = async (file: string) =>
  createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
