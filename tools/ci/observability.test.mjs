import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempDisposableSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { readMetrics } from "./metrics-document.mjs";

const root = fileURLToPath(new URL("../../", import.meta.url));
const folder = `${root}deploy/observability/`;
const read = (path) => readFileSync(path, "utf8");
const alerts = parse(read(`${folder}alerts.yaml`)).groups.flatMap(({ rules }) => rules);
const dashboards = readdirSync(`${folder}dashboards`).map((name) => ({
  name,
  ...JSON.parse(read(`${folder}dashboards/${name}`)),
}));
const queries = dashboards.flatMap(({ name, panels }) =>
  panels.flatMap(({ title, targets }) => targets.map(({ expr }) => ({ where: `${name}: ${title}`, expr }))),
);
const metrics = readMetrics();
const product = new Set(["up", ...metrics.flatMap(({ exported }) => exported)]);
const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;

test("dashboards and alerts ask for nothing that the product does not export", () => {
  const asked = [...queries, ...alerts.map(({ alert, expr }) => ({ where: alert, expr }))];
  expect(asked.length).toBeGreaterThan(60);
  const unknown = asked.flatMap(({ where, expr }) =>
    metricsIn(expr).flatMap((metric) => (product.has(metric) ? [] : [`${where}: ${metric}`])),
  );
  expect(unknown).toEqual([]);
});

test("every metric of the product is on a dashboard or in an alert", () => {
  const asked = new Set([...queries, ...alerts].flatMap(({ expr }) => metricsIn(expr)));
  const unseen = metrics.filter(({ exported }) => !exported.some((name) => asked.has(name)));
  expect(unseen.map(({ name }) => name)).toEqual([]);
});

test("every alert says what it is and has its paragraph in the runbooks, and every paragraph its alert", () => {
  for (const { alert, annotations, labels } of alerts) {
    expect(annotations, alert).toEqual({
      summary: expect.stringMatching(/\S/),
      description: expect.stringMatching(/\S/),
      runbook_url: `docs/runbooks.md#${alert.toLowerCase()}`,
    });
    expect(labels.severity, alert).toMatch(/^(page|ticket)$/);
  }
  const paragraphs = read(`${root}docs/runbooks.md`).split(/^## /m).slice(1);
  const titles = paragraphs.map((paragraph) => paragraph.split("\n", 1)[0]);
  expect(titles.toSorted()).toEqual(alerts.map(({ alert }) => alert).toSorted());
  for (const paragraph of paragraphs)
    expect(paragraph).toMatch(/\*\*What it means\.\*\* .+\*\*What to look at\.\*\* .+\*\*What to do\.\*\* /);
});

test("every alert has a series on which it must fire", () => {
  const { tests } = parse(read(`${folder}alerts.test.yaml`));
  expect(tests.map(({ name }) => name).toSorted()).toEqual(alerts.map(({ alert }) => alert).toSorted());
  const series = tests.flatMap(({ name, input_series }) =>
    input_series.map((one) => `${name}: ${one.series.split("{", 1)[0]}`),
  );
  expect(series.filter((one) => !product.has(one.split(": ")[1]))).toEqual([]);
});

describe.skipIf(!hasPromtool)("by Prometheus' own tool", { timeout: 60_000 }, () => {
  test("rules and all expressions of the dashboards parse", () => {
    execFileSync("promtool", ["check", "rules", `${folder}alerts.yaml`], { stdio: "pipe" });
    const rules = queries.map(({ expr }, place) => ({
      record: `query_${place}`,
      expr: expr.replaceAll("$__rate_interval", "5m"),
    }));
    using scratch = mkdtempDisposableSync(join(tmpdir(), "gradients-rules-"));
    const file = join(scratch.path, "dashboards.json");
    writeFileSync(file, JSON.stringify({ groups: [{ name: "dashboards", rules }] }));
    execFileSync("promtool", ["check", "rules", file], { stdio: "pipe" });
  });

  test("each alert is silent at first and fires on its series", () => {
    execFileSync("promtool", ["test", "rules", "alerts.test.yaml"], { cwd: folder, stdio: "pipe" });
  });
});

/** Names of series in a PromQL expression: what is left when selectors, groupings, ranges, functions and words of the language are taken away. */
function metricsIn(expr) {
  const bare = expr
    .replace(/\{[^}]*\}/g, "")
    .replace(/\[[^\]]*\]/g, "")
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, "");
  const words = [...bare.matchAll(/[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\(|[a-zA-Z0-9_:])/g)].map(([word]) => word);
  return words.filter((word) => !["and", "or", "unless", "bool", "offset"].includes(word));
}
