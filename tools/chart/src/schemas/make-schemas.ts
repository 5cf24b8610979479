import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { hashOf, replaceWhole } from "../../../setup/files.mjs";
import { paths } from "../../../setup/paths.mjs";
import { customResourceSchemas, kubernetesSchemas, type SchemaFiles } from "./derive-schemas.ts";
import { customResources, kubernetesModules, moduleFolder } from "./modules.ts";

const root = join(paths.cache, "cluster/schemas");
const folder = join(
  root,
  hashOf({
    files: [
      import.meta.filename,
      join(import.meta.dirname, "derive-schemas.ts"),
      join(import.meta.dirname, "modules.ts"),
    ],
  }).slice(0, 16),
);
const definitionsFolder = join(folder, "crds");

/** Versions of Kubernetes whose schemas are here; none before `makeSchemas` has run. */
export function schemaVersions(): readonly string[] {
  return existsSync(folder) ? kubernetesModules.map(({ version }) => version) : [];
}

export const schemaLocation = (version: string) =>
  join(folder, version, "{{ .ResourceKind }}{{ .KindSuffix }}.json");

/** CustomResourceDefinitions of others that the chart has objects of. */
export function customResourceFiles(): readonly string[] {
  if (!existsSync(definitionsFolder)) return [];
  return readdirSync(definitionsFolder).map((name) => join(definitionsFolder, name));
}

/** JSON schemas of the API server's own description, for kubeconform. They stay in the cache. */
export async function makeSchemas(): Promise<void> {
  if (existsSync(folder)) return;
  const definitions = customResources.flatMap((module) => {
    const source = moduleFolder(module);
    return module.files.map((file) => join(source, file));
  });
  const shared = definitions.map((file) => customResourceSchemas(readFileSync(file, "utf8")));
  await replaceWhole(folder, async (temporary) => {
    for (const module of kubernetesModules) {
      const openApi = join(moduleFolder(module), "api/openapi-spec/swagger.json");
      const own = kubernetesSchemas(JSON.parse(readFileSync(openApi, "utf8")));
      write(join(temporary, module.version), [own, ...shared]);
    }
    mkdirSync(join(temporary, "crds"));
    for (const file of definitions) cpSync(file, join(temporary, "crds", basename(file)));
  });
}

function write(into: string, all: readonly SchemaFiles[]): void {
  mkdirSync(into, { recursive: true });
  for (const files of all)
    for (const [name, schema] of files) writeFileSync(join(into, name), JSON.stringify(schema));
}
