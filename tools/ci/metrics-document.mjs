// docs/metrics.md from the code: every instrument is made by a call with its name, unit and description as literals.
// Run alone it writes the document; with --check it fails when the document is stale.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const self = fileURLToPath(import.meta.url);
const root = fileURLToPath(new URL("../../", import.meta.url));
const document = join(root, "docs/metrics.md");
const CREATOR = /^create(Observable)?(Counter|UpDownCounter|Histogram|Gauge)$/;

if (process.argv[1] === self) {
  const wanted = metricsDocument(readMetrics());
  const isCurrent = existsSync(document) && readFileSync(document, "utf8") === wanted;
  if (process.argv.includes("--check") && !isCurrent) {
    process.stderr.write(
      "docs/metrics.md does not match the code: run `node tools/ci/metrics-document.mjs`\n",
    );
    process.exitCode = 1;
  } else if (!isCurrent) writeFileSync(document, wanted);
}

/** @returns {{ name: string, kind: string, unit: string, description: string, file: string, exported: string[] }[]} by name */
export function readMetrics() {
  const metrics = ["packages", "services"].flatMap(sources).flatMap(metricsOf);
  return metrics.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function sources(folder) {
  return readdirSync(join(root, folder), { recursive: true })
    .map((path) => join(folder, path))
    .filter(
      (path) => /\/src\/.*\.ts$/.test(path) && !/node_modules|\/gen\/|\/test(ing)?\/|\.test\.ts$/.test(path),
    );
}

function metricsOf(file) {
  const text = readFileSync(join(root, file), "utf8");
  if (!/\.create(Observable)?(Counter|UpDownCounter|Histogram|Gauge)\(/.test(text)) return [];
  const found = [];
  const visit = (node) => {
    if (ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression)) {
      const kind = CREATOR.exec(node.expression.name.text)?.[2];
      if (kind) found.push(metricOf(kind, node, file));
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return found;
}

function metricOf(kind, { arguments: [name, options] }, file) {
  const read = (key) => {
    const property =
      options &&
      ts.isObjectLiteralExpression(options) &&
      options.properties.find((one) => one.name?.text === key);
    if (!property || !ts.isStringLiteralLike(property.initializer))
      throw new Error(`${file}: a metric without a literal ${key}`);
    return property.initializer.text;
  };
  if (!name || !ts.isStringLiteralLike(name))
    throw new Error(`${file}: the name of a metric must be a literal`);
  return {
    name: name.text,
    kind,
    unit: read("unit"),
    description: read("description"),
    file,
    exported: exportedNames(name.text, kind),
  };
}

/** What the Prometheus endpoint calls it: no unit is added. */
function exportedNames(name, kind) {
  const base = name.replace(/[^a-zA-Z0-9]+/g, "_");
  if (kind === "Counter") return [`${base}_total`];
  return kind === "Histogram" ? ["bucket", "count", "sum"].map((part) => `${base}_${part}`) : [base];
}

function metricsDocument(metrics) {
  const rows = metrics.map(
    ({ name, kind, unit, description, file, exported }) =>
      `| \`${name}\` | \`${exported[0]}\` | ${kind.toLowerCase()} | ${unit} | ${file.split("/").slice(0, 2).join("/")} | ${description} |`,
  );
  return [
    "# Metrics",
    "",
    "Made from the code by `node tools/ci/metrics-document.mjs`; `npm run check` says when it is stale.",
    "",
    "Every service exports OpenTelemetry metrics. `OTEL_EXPORTER_OTLP_ENDPOINT` sends them to a collector; `OTEL_METRICS_EXPORTER=prometheus` serves them at",
    "`http://<OTEL_EXPORTER_PROMETHEUS_HOST>:<OTEL_EXPORTER_PROMETHEUS_PORT>/metrics` (localhost:9464 if unset) under the second name. Dashboards and alerts in",
    "`deploy/observability/` use the second name; the label `job` is the service's name. A Prometheus that takes OTLP uses the same names, save for counters, with the",
    "translation strategy `UnderscoreEscapingWithoutSuffixes`.",
    "",
    "| OpenTelemetry | Prometheus | kind | unit | made in | what it says |",
    "|---|---|---|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}
