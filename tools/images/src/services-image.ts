import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { paths, platform, repositoryRoot } from "../../setup/paths.mjs";
import { type Content, searchPath, system, temporary, versionOf } from "./content.ts";
import { debianBase } from "./debian.ts";
import { blobOf, keptLayer, type Layer, packLayer } from "./layer.ts";
import { type ProductionPackages, productionPackages } from "./production-packages.ts";
import { run } from "./run.ts";

const AT = "app";
const WITHOUT = [
  "*.test.ts",
  "./*/src/test",
  "testdata",
  "golden",
  "node_modules",
  ".turbo",
  "__pycache__",
  "./services/trainer-gpu/engine",
  "./services/gateway/web/src",
];

/** Node.js, the services and the agent of trainer-gpu: one image, and a pod says which program it is. */
export async function servicesContent(): Promise<Content> {
  const base = await debianBase("services", system);
  const nodePackage = join(paths.dependencies, `node-${platform}`);
  const node = { title: "Node.js", root: join(nodePackage, "bin"), names: ["./node"], at: "usr/local/bin" };
  const version = versionOf(join(nodePackage, "package.json"));
  const application = needed();
  return {
    layers: [base.layer, await temporary(), await packLayer(node), ...(await applicationLayers(application))],
    components: [
      ...base.components,
      ...application.components,
      { name: "node", version, purl: `pkg:generic/node@${version}`, license: "MIT" },
    ],
    config: {
      user: "10001:10000",
      workDir: `/${AT}`,
      env: { PATH: searchPath, NODE_ENV: "production", HOME: "/tmp" },
      entrypoint: ["node"],
    },
  };
}

/** The application's files alone, for the Dockerfile. */
export async function layOutServices(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  for (const { digest } of await applicationLayers(needed()))
    await run("tar", ["--extract", `--file=${blobOf(digest)}`, `--directory=${folder}`]);
}

function needed(): ProductionPackages {
  return productionPackages(readdirSync(join(repositoryRoot, "services")).toSorted());
}

async function applicationLayers({ modules, workspaces }: ProductionPackages): Promise<readonly Layer[]> {
  const root = repositoryRoot;
  const lock = readFileSync(join(root, "package-lock.json"), "utf8");
  const title = "npm packages";
  const packages = await keptLayer(title, [lock, ...modules], () =>
    packLayer({ title, root, names: inside(modules), without: ["*.map"], at: AT }),
  );
  const names = ["./package.json", "./LICENSE", ...inside(workspaces)];
  return [packages, await packLayer({ title: "services", root, names, without: WITHOUT, at: AT })];
}

function inside(names: readonly string[]): readonly string[] {
  return names.map((name) => `./${name}`);
}
