import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryRoot } from "../../setup/paths.mjs";
import { SetupProblem } from "../../setup/problem.mjs";
import type { Component } from "./sbom.ts";

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export interface ProductionPackages {
  /** Folders and links below the repository, e.g. `node_modules/zod`. */
  readonly modules: readonly string[];
  readonly workspaces: readonly string[];
  readonly components: readonly Component[];
}

/** What the services need to run, by the lock file: their own dependencies and nobody's development tools. */
export function productionPackages(services: readonly string[]): ProductionPackages {
  const lock = readLock();
  const found = new Set<string>();
  const queue = services.map((name) => `services/${name}`);
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (found.has(path)) continue;
    found.add(path);
    const entry = lock[path];
    if (!entry) throw new SetupProblem(`package-lock.json does not know ${path}.`);
    if (entry.link) queue.push(entry.resolved ?? "");
    queue.push(...dependenciesOf(lock, path, entry));
  }
  const all = [...found].toSorted();
  const modules = all.filter((path) => path.includes("node_modules/"));
  return {
    modules: modules.filter((path) => !modules.some((outer) => path.startsWith(`${outer}/`))),
    workspaces: all.filter((path) => !path.includes("node_modules/")),
    components: modules.flatMap((path) => componentOf(path, lock[path])),
  };
}

function readLock(): Readonly<Record<string, Locked | undefined>> {
  const text = readFileSync(join(repositoryRoot, "package-lock.json"), "utf8");
  return (JSON.parse(text) as { packages: Record<string, Locked | undefined> }).packages; // npm's own format
}

/** Optional ones, and peers that nobody brought, may be absent. */
function dependenciesOf(lock: ReturnType<typeof readLock>, path: string, entry: Locked): readonly string[] {
  const required = Object.keys(entry.dependencies ?? {});
  const others = Object.keys({ ...entry.optionalDependencies, ...entry.peerDependencies });
  return [...new Set([...required, ...others])].flatMap((name) => {
    const place = placesOf(path, name).find((candidate) => lock[candidate] && isInstalled(candidate));
    if (place !== undefined) return [place];
    if (required.includes(name) && !entry.optionalDependencies?.[name])
      throw new SetupProblem(`${name}, which ${path} needs, is not installed: run npm run setup.`);
    return [];
  });
}

/** As Node.js looks for it: beside the package, then further and further up. */
function placesOf(path: string, name: string): readonly string[] {
  const places = [`${path}/node_modules/${name}`];
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
    const outer = path.slice(0, end);
    if (!outer.endsWith("node_modules")) places.push(`${outer}/node_modules/${name}`);
  }
  return [...places, `node_modules/${name}`];
}

function isInstalled(path: string): boolean {
  return existsSync(join(repositoryRoot, path));
}

function componentOf(path: string, entry: Locked | undefined): readonly Component[] {
  const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
  if (!entry?.version) return [];
  const { version, license } = entry;
  return [
    { name, version, purl: `pkg:npm/${name.replace("@", "%40")}@${version}`, ...(license && { license }) },
  ];
}
