import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../../setup/paths.mjs";
import { SetupProblem } from "../../setup/problem.mjs";
import { folders, inWorkFolder } from "./folders.ts";
import { type ImageName, variantOf } from "./images.ts";
import type { Device } from "./python-packages.ts";
import { expectRoom } from "./room.ts";
import { run } from "./run.ts";

interface Program {
  readonly args: readonly string[];
  /** Must stand in what it writes. */
  readonly says: string;
}

/** Entry points, in words that need no servers. */
const programs: Readonly<Record<ImageName, () => readonly Program[]>> = {
  services: () => [
    { args: ["node", "--version"], says: "v24." },
    ...readdirSync(join(repositoryRoot, "services"))
      .toSorted()
      .map((name) => ({
        args: ["node", `services/${name}/src/main.ts`, "--help"],
        says: "environment variables",
      })),
  ],
  trainer: () => [
    { args: ["python", "-m", "gradients_engine", "--help"], says: "convert-gguf" },
    {
      args: [
        "python",
        "-c",
        "import gradients_engine.train, gradients_engine.evaluate, torch; print(torch.ones(3).sum())",
      ],
      says: "tensor(3.)",
    },
  ],
  postgres: () => [
    { args: ["/usr/local/pgsql/bin/postgres", "--version"], says: "PostgreSQL" },
    { args: ["/usr/local/pgsql/bin/initdb", "--version"], says: "PostgreSQL" },
  ],
  nats: () => [{ args: ["nats-server", "--version"], says: "nats-server" }],
  seaweedfs: () => [{ args: ["weed", "version"], says: "version" }],
  contestant: () => [{ args: ["python", "/opt/contestant/trainer.py", "--help"], says: "serve" }],
  attacker: () => [{ args: ["python", "/opt/attacker/attacker.py", "--help"], says: "serve" }],
};

/** Its own mounts, processes and no network; the root cannot be written to, /tmp can. What comes after the root is run by the image's user. */
const inside = `
set -e
root=$1 user=$2; shift 2
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/dev"
for name in null zero urandom; do : > "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"; done
mount -o remount,bind,ro "$root"
exec chroot --userspec="$user" --groups= "$root" "$@"
`;

/** Starts an image's programs as its pods will. Throws when one does not say what it should, or may write where it should not. */
export async function tryImage(name: ImageName, device: Device): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new SetupProblem("Trying images needs root: they are entered by chroot.");
  await inWorkFolder(async () => tryPrograms(name, await unpackImage(variantOf(name, device))));
}

async function tryPrograms(name: ImageName, image: UnpackedImage): Promise<void> {
  for (const { args, says } of programs[name]()) {
    const output = await runInImage(image, args);
    if (!output.includes(says)) throw new SetupProblem(`${args.join(" ")} does not say "${says}": ${output}`);
    console.log(`${name}: ${args.join(" ")} as ${image.user}: ${output.trim().split("\n").at(0) ?? ""}`);
  }
  await expectReadOnly(image);
}

interface UnpackedImage {
  readonly root: string;
  readonly user: string;
  readonly env: readonly string[];
  readonly workDir: string;
}

/** Straight from the archive: it may have gigabytes, which should not lie there once more. */
async function unpackImage(variant: string): Promise<UnpackedImage> {
  const archive = join(folders.archives, `${variant}.tar`);
  if (!existsSync(archive))
    throw new SetupProblem(`${archive} is not there: npm run images -- build (see --help)`);
  expectRoom(`Unpacking the image ${variant}`, statSync(archive).size);
  const root = join(folders.work, `${variant}-root`);
  mkdirSync(root);
  const manifest = await manifestOf(archive);
  for (const { digest } of manifest.layers) {
    const unpack =
      'tar --extract --to-stdout --file="$1" "$2" | tar --extract --keep-directory-symlink --directory="$3"';
    await run("bash", ["-o", "pipefail", "-c", unpack, "unpack", archive, blobIn(digest), root]);
  }
  const { config } = await readJson<Configured>(archive, blobIn(manifest.config.digest));
  return { root, user: config.User, env: config.Env, workDir: config.WorkingDir };
}

interface Described {
  readonly digest: string;
}

interface Configured {
  readonly config: { readonly User: string; readonly Env: string[]; readonly WorkingDir: string };
}

async function manifestOf(archive: string) {
  const { manifests } = await readJson<{ manifests: Described[] }>(archive, "index.json");
  const path = blobIn(manifests[0]?.digest ?? "");
  return readJson<{ config: Described; layers: Described[] }>(archive, path);
}

function blobIn(digest: string): string {
  return digest.replace("sha256:", "blobs/sha256/");
}

async function readJson<T>(archive: string, path: string): Promise<T> {
  const text = await run("tar", ["--extract", "--to-stdout", `--file=${archive}`, path]);
  return JSON.parse(text) as T; // written by oci.ts
}

async function runInImage(
  { root, user, env, workDir }: UnpackedImage,
  args: readonly string[],
): Promise<string> {
  const namespaces = ["--mount", "--pid", "--net", "--ipc", "--uts", "--fork"];
  const command = ["env", "-i", `--chdir=${workDir}`, ...env, ...args];
  return run("unshare", [...namespaces, "bash", "-c", inside, "inside", root, user, ...command]);
}

async function expectReadOnly(image: UnpackedImage): Promise<void> {
  const script =
    "echo x > /tmp/x && (echo x > /etc/x || echo x > /usr/x) 2>/dev/null && echo written || echo refused";
  const answer = await runInImage(image, ["sh", "-c", script]);
  if (answer.trim() !== "refused")
    throw new SetupProblem(`The root of the image can be written to: ${answer}`);
}
