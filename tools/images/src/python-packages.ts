import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { paths, repositoryRoot } from "../../setup/paths.mjs";
import { findPython, uvEnvironment } from "../../setup/python.mjs";
import type { DebianBase } from "./debian.ts";
import { folders } from "./folders.ts";
import { keptLayer, type Layer, packLayer } from "./layer.ts";
import { expectRoom } from "./room.ts";
import { run } from "./run.ts";
import type { Component } from "./sbom.ts";

export interface PythonPackages {
  readonly layer: Layer;
  readonly components: readonly Component[];
  /** Where Debian's Python looks for packages that are not Debian's. */
  readonly at: string;
}

export type Device = "cpu" | "gpu";

/** Patterns, as the Dockerfile reads them: on a processor alone PyTorch never opens these. Everything else its libraries are linked with. */
const GPU_ONLY = readFileSync(join(repositoryRoot, "deploy/images/trainer/gpu-only.txt"), "utf8")
  .trim()
  .split("\n");

/** As uv installs them, for both alike. */
const INSTALLED_BYTES = 6.1e9;
const PACKED_BYTES = { cpu: 3.8e9, gpu: 6.1e9 } as const satisfies Record<Device, number>;

/** The engine's locked packages, without those for its development, for the Python of the image, compiled. */
export async function pythonPackages(base: DebianBase, device: Device): Promise<PythonPackages> {
  const version =
    globSync("usr/bin/python3.*", { cwd: base.root }).find((path) => /3\.\d+$/.test(path)) ?? "";
  const minor = version.replace("usr/bin/python", "");
  const at = `usr/local/lib/python${minor}/dist-packages`;
  const target = join(folders.work, "python");
  const env = { ...uvEnvironment(findPython()), VIRTUAL_ENV: undefined, UV_PROJECT_ENVIRONMENT: undefined };
  const exported = ["export", "--frozen", "--no-dev", "--no-emit-project", "--quiet"];
  const requirements = await run(paths.uv, exported, { cwd: paths.engine, env });
  const listed = await run(paths.uv, [...exported, "--no-hashes", "--no-annotate"], {
    cwd: paths.engine,
    env,
  });
  const title = `Python packages (${device})`;
  const madeFrom = [requirements, minor, device, base.layer.digest, GPU_ONLY.join()];
  const layer = await keptLayer(title, madeFrom, async () => {
    // Its copy in uv's cache or here, the layer, and the layer in the image's archive.
    expectRoom(`The trainer's image (${device})`, INSTALLED_BYTES + 2 * PACKED_BYTES[device]);
    await install(requirements, { target, minor, env });
    if (device === "cpu") leaveOut(target);
    await compile(base.root, target, `/${at}`);
    const packed = await packLayer({ title, root: target, at, without: ["*.lock", "./bin", "RECORD"] });
    rmSync(target, { recursive: true });
    return packed;
  });
  const isThere = ({ name }: Component) => device === "gpu" || !isLeftOut(name);
  return { layer, at, components: componentsOf(listed).filter(isThere) };
}

interface Installation {
  readonly target: string;
  readonly minor: string;
  readonly env: NodeJS.ProcessEnv;
}

async function install(requirements: string, { target, minor, env }: Installation): Promise<void> {
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const file = join(folders.work, "requirements.txt");
  writeFileSync(file, requirements);
  const options = ["--quiet", "--target", target, "--python-version", minor, "--require-hashes", "--no-deps"];
  await run(paths.uv, ["pip", "install", ...options, "--only-binary=:all:", "-r", file], { env });
}

/** The whole package, not only files of it. */
export function isLeftOut(name: string): boolean {
  return GPU_ONLY.some((pattern) => !pattern.includes("/") && name.startsWith(pattern.replace("*", "")));
}

function leaveOut(target: string): void {
  for (const pattern of GPU_ONLY)
    for (const path of globSync(pattern, { cwd: target })) rmSync(join(target, path), { recursive: true });
}

/**
 * Compiled by the image's own Python, started through its own loader, so that nothing has to be installed or entered. Without compiled files an import takes
 * three times as long, and in a read-only container each one would. One process, names in order, fixed hashes: so that the bytes are the same each time.
 */
export async function compile(root: string, folder: string, at: string): Promise<void> {
  const [loader = ""] = globSync("usr/lib*/**/ld-linux-*.so.*", { cwd: root }).toSorted();
  const libraries = globSync("usr/lib/*-linux-gnu", { cwd: root }).map((path) => join(root, path));
  const [python = ""] = globSync("usr/bin/python3.[0-9]*", { cwd: root }).toSorted();
  const program = ["--library-path", libraries.join(":"), join(root, python), "-c", compiling, folder, at];
  const env = { PYTHONHOME: join(root, "usr"), PYTHONHASHSEED: "0", PYTHONDONTWRITEBYTECODE: "1" };
  await run(join(root, loader), program, { env });
}

/** What cannot be compiled is passed over: packages carry files for other versions of Python, too. */
const compiling = `
import compileall, py_compile, sys
folder, place = sys.argv[1:]
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
compileall.compile_dir(folder, maxlevels=20, force=True, quiet=2, invalidation_mode=mode, stripdir=folder, prependdir=place)
`;

/** Of lines such as `torch==2.15.0 ; platform_machine == 'x86_64' and ...` those that are for this machine's processor. */
export function componentsOf(
  requirements: string,
  architecture: string = process.arch,
): readonly Component[] {
  const machine = architecture === "arm64" ? "aarch64" : "x86_64";
  return requirements.split("\n").flatMap((line) => {
    const [, name, version, marker = ""] = /^([\w.-]+)==(\S+)(.*)$/.exec(line) ?? [];
    const isOurs = !marker.includes("platform_machine") || marker.includes(`'${machine}'`);
    if (name === undefined || version === undefined || !isOurs) return [];
    return [{ name, version, purl: `pkg:pypi/${name.toLowerCase()}@${version}` }];
  });
}
