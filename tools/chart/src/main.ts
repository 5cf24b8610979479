// The chart's README.md and values.schema.json, made from values.yaml. With --check it changes nothing and fails when one of them is stale.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { withValuesTable } from "./chart-readme.ts";
import { valuesSchema } from "./values-schema.ts";
import { parseValues } from "./values-tree.ts";

const folder = fileURLToPath(new URL("../../../deploy/helm/gradients/", import.meta.url));
const read = (name: string) =>
  existsSync(`${folder}${name}`) ? readFileSync(`${folder}${name}`, "utf8") : "";

const nodes = parseValues(read("values.yaml"));
const wanted = {
  "values.schema.json": `${JSON.stringify(valuesSchema(nodes), null, 2)}\n`,
  "README.md": withValuesTable(read("README.md"), nodes),
};
for (const [name, text] of Object.entries(wanted)) {
  if (read(name) === text) continue;
  if (!process.argv.includes("--check")) writeFileSync(`${folder}${name}`, text);
  else {
    process.stderr.write(`deploy/helm/gradients/${name} is stale: run \`npm run chart-documents\`\n`);
    process.exitCode = 1;
  }
}
