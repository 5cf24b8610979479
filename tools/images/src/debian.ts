import {
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { hashOf } from "../../setup/files.mjs";
import { SetupProblem } from "../../setup/problem.mjs";
import { folders } from "./folders.ts";
import { keptLayer, type Layer, packLayer } from "./layer.ts";
import { run } from "./run.ts";
import type { Component } from "./sbom.ts";

/** What other packages need only to be installed: nothing is installed in a running image. */
const INSTALLERS = ["dpkg", "tar", "mawk", "debconf", "debianutils", "openssl", "readline-common"];
/** Manuals and translations. Licences stay. */
const WITHOUT = ["usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian", "usr/share/bug"];

const A_DAY_MS = 24 * 3_600_000;
const SOURCES = ["/etc/apt/sources.list.d/debian.sources", "/etc/apt/sources.list"];

export interface DebianBase {
  readonly layer: Layer;
  readonly components: readonly Component[];
  /** Unpacked, for those who build on it. */
  readonly root: string;
}

/** A small Debian of the builder's own release: packages from its archive, checked by apt, unpacked and not configured. No root is needed. */
export async function debianBase(title: string, names: readonly string[]): Promise<DebianBase> {
  const files = (await download(names)).filter(
    (file) => !INSTALLERS.includes(basename(file).split("_")[0] ?? ""),
  );
  const madeFrom = [...files.map((file) => basename(file)), ...WITHOUT];
  const root = await unpacked(title, files);
  const layer = await keptLayer(`Debian: ${title}`, madeFrom, () =>
    packLayer({ title: `Debian: ${title}`, root, without: WITHOUT.map((path) => `./${path}`) }),
  );
  return { layer, root, components: files.map(componentOf) };
}

async function download(names: readonly string[]): Promise<readonly string[]> {
  const sources = SOURCES.find((path) => existsSync(path));
  if (!sources)
    throw new SetupProblem(
      "Images are built from Debian packages: run this on Debian, or build deploy/images/*/Dockerfile with Docker.",
    );
  const cache = join(folders.debian, "cache");
  for (const folder of ["state/lists/partial", "cache/archives/partial"])
    mkdirSync(join(folders.debian, folder), { recursive: true });
  const settings = [
    `Dir::State=${folders.debian}/state`,
    "Dir::State::status=/dev/null",
    `Dir::Cache=${cache}`,
    `Dir::Etc::sourcelist=${sources}`,
    "Dir::Etc::sourceparts=-",
    "APT::Sandbox::User=",
    "APT::Install-Recommends=false",
    "Debug::NoLocking=true",
  ].flatMap((setting) => ["-o", setting]);
  if (isOld(join(folders.debian, "state/lists"))) await run("apt-get", [...settings, "-qq", "update"]);
  // What is in the cache already is not listed: so the question is asked with an empty one.
  const empty = ["-o", `Dir::Cache::archives=${folders.debian}/none`];
  mkdirSync(join(folders.debian, "none/partial"), { recursive: true });
  const listed = await run("apt-get", [...settings, ...empty, "install", "--yes", "--print-uris", ...names]);
  await run("apt-get", [...settings, "-qq", "install", "--yes", "--download-only", ...names]);
  const files = [...listed.matchAll(/^'[^']+' (\S+\.deb) /gm)].map(([, name]) => name ?? "");
  return files.toSorted().map((file) => join(cache, "archives", file));
}

function isOld(lists: string): boolean {
  const made = readdirSync(lists)
    .filter((name) => name.endsWith("Release"))
    .map((name) => statSync(join(lists, name)).ctimeMs);
  return made.length === 0 || Math.max(...made) < Date.now() - A_DAY_MS;
}

/** Kept until the packages or the way to unpack them are others: most images stand on one of two. */
async function unpacked(title: string, files: readonly string[]): Promise<string> {
  const roots = join(folders.debian, "roots");
  const name = `${title}-${hashOf({ values: [...files.map((file) => basename(file)), unpack, settle].map(String) })}`;
  const root = join(roots, name);
  if (existsSync(root)) return root;
  const draft = join(folders.work, title);
  await unpack(files, draft);
  const others = globSync(`${title}-*`, { cwd: roots }).filter((other) => other !== name);
  for (const old of others) rmSync(join(roots, old), { recursive: true, force: true });
  mkdirSync(roots, { recursive: true });
  try {
    renameSync(draft, root);
  } catch (error) {
    if (!existsSync(root)) throw error; // another build was quicker
  }
  return root;
}

async function unpack(files: readonly string[], root: string): Promise<void> {
  rmSync(root, { recursive: true, force: true });
  for (const folder of ["usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc/ssl/certs", "proc", "sys", "dev"])
    mkdirSync(join(root, folder), { recursive: true });
  for (const name of ["bin", "sbin", "lib", "lib64"]) symlinkSync(`usr/${name}`, join(root, name));
  for (const file of files) {
    const command =
      'dpkg-deb --fsys-tarfile "$1" | tar --extract --keep-directory-symlink --no-same-owner --directory "$2"';
    await run("bash", ["-o", "pipefail", "-c", command, "unpack", file, root]);
  }
  settle(root);
}

/** The little of the packages' own set-up that matters in a container. */
function settle(root: string): void {
  const users = ["root:x:0:0:root:/:/usr/sbin/nologin", "agent:x:10001:10000::/tmp:/usr/sbin/nologin"];
  const more = ["engine:x:10002:10000::/tmp:/usr/sbin/nologin", "nobody:x:65534:65534::/:/usr/sbin/nologin"];
  const write = (path: string, lines: readonly string[]) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), `${lines.join("\n")}\n`);
  };
  write("etc/passwd", [...users, ...more]);
  write("etc/group", ["root:x:0:", "gradients:x:10000:", "nogroup:x:65534:"]);
  write("etc/nsswitch.conf", ["passwd: files", "group: files", "hosts: files dns"]);
  const authorities = globSync("usr/share/ca-certificates/**/*.crt", { cwd: root }).toSorted();
  if (authorities.length > 0)
    write(
      "etc/ssl/certs/ca-certificates.crt",
      authorities.map((path) => readFileSync(join(root, path), "utf8").trim()),
    );
  const python = globSync("usr/bin/python3.*", { cwd: root }).find((path) => /python3\.\d+$/.test(path));
  if (python) {
    rmSync(join(root, "usr/bin/python3"), { force: true });
    for (const name of ["python", "python3"]) symlinkSync(basename(python), join(root, "usr/bin", name));
  }
}

function componentOf(file: string): Component {
  const [name = "", version = "", architecture = ""] = basename(file, ".deb").split("_");
  const plain = decodeURIComponent(version);
  return {
    name,
    version: plain,
    purl: `pkg:deb/debian/${name}@${encodeURIComponent(plain)}?arch=${architecture}`,
  };
}
