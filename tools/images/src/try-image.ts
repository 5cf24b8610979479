import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../../setup/paths.mjs";
import { SetupProblem } from "../../setup/problem.mjs";
import { folders, inWorkFolder } from "./folders.ts";
import type { ImageName } from "./images.ts";
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
export async function tryImage(name: ImageName): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new SetupProblem("Trying images needs root: they are entered by chroot.");
  await inWorkFolder(async () => tryPrograms(name, await unpackImage(name)));
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

async function unpackImage(name: ImageName): Promise<UnpackedImage> {
  const archive = join(folders.archives, `${name}.tar`);
  if (!existsSync(archive))
    throw new SetupProblem(`${archive} is not there: npm run images -- build ${name}`);
  const layout = join(folders.work, `${name}-try`);
  const root = join(folders.work, `${name}-root`);
  for (const folder of [layout, root]) mkdirSync(folder);
  await run("tar", ["--extract", `--file=${archive}`, `--directory=${layout}`]);
  const blob = (digest: string) => join(layout, "blobs/sha256", digest.slice("sha256:".length));
  const read = <T>(path: string) => JSON.parse(readFileSync(path, "utf8")) as T; // written by oci.ts
  const index = read<{ manifests: { digest: string }[] }>(join(layout, "index.json"));
  const manifest = read<{ config: { digest: string }; layers: { digest: string }[] }>(
    blob(index.manifests[0]?.digest ?? ""),
  );
  for (const { digest } of manifest.layers)
    await run("tar", [
      "--extract",
      "--keep-directory-symlink",
      `--file=${blob(digest)}`,
      `--directory=${root}`,
    ]);
  const { config } = read<{ config: { User: string; Env: string[]; WorkingDir: string } }>(
    blob(manifest.config.digest),
  );
  rmSync(layout, { recursive: true });
  return { root, user: config.User, env: config.Env, workDir: config.WorkingDir };
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
