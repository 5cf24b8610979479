import { globSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { paths } from "../../setup/paths.mjs";
import { findPython, uvEnvironment } from "../../setup/python.mjs";
import type { DebianBase } from "./debian.ts";
import { folders } from "./folders.ts";
import { keptLayer, type Layer, packLayer } from "./layer.ts";
import { run } from "./run.ts";
import type { Component } from "./sbom.ts";

export interface PythonPackages {
  readonly layer: Layer;
  readonly components: readonly Component[];
  /** Where Debian's Python looks for packages that are not Debian's. */
  readonly at: string;
}

export type Device = "cpu" | "gpu";

/** On a processor alone PyTorch never opens these; they are two gigabytes of five. Everything else its libraries are linked with. */
const GPU_ONLY = [
  "triton*",
  "nvidia/cudnn/lib/libcudnn_*",
  "nvidia/cu13/lib/libcusolverMg.so*",
  "nvidia/cu13/lib/libnvperf_*",
  "nvidia/nvshmem/lib/*.bc",
  "nvidia/*/include",
];

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
    await install(requirements, { target, minor, env });
    if (device === "cpu") leaveOut(target);
    await compile(base.root, target, `/${at}`);
    const packed = await packLayer({ title, root: target, at, without: ["*.lock", "./bin", "RECORD"] });
    rmSync(target, { recursive: true });
    return packed;
  });
  return { layer, at, components: componentsOf(listed) };
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
