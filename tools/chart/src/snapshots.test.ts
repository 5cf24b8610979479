import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { flatten } from "./testing/flatten.ts";
import { hasHelm, type KubernetesObject, render, valuesNames } from "./testing/render.ts";

/** Without what a Job's content puts into its name. */
const nameOf = ({ kind, metadata }: KubernetesObject) =>
  `${kind} ${metadata.name.replace(/(-migrate-1)-[0-9a-f]{8}$/, "$1")}`;
const others = valuesNames.filter((name) => name !== "minimal");

describe.skipIf(!hasHelm)("rendered manifests", { timeout: 30_000 }, () => {
  test("minimal", async () => {
    await expect(write(await render())).toMatchFileSnapshot("../snapshots/minimal.yaml");
  });

  test.each(others)("%s, where it differs from minimal", async (values) => {
    const [before, after] = [await render(), await render({ values })];
    const names = new Set(after.map(nameOf));
    const [old, all] = [fieldsOf(before), fieldsOf(after)];
    const isLeft = (line: string) => [...names].some((name) => line.startsWith(`${name}.`));
    const lost = before.map(nameOf).filter((name) => !names.has(name));
    const changes = [
      ...lost.map((name) => `- ${name}`),
      ...[...old].filter((line) => !all.has(line) && isLeft(line)).map((line) => `- ${line}`),
      ...[...all].filter((line) => !old.has(line)).map((line) => `+ ${line}`),
    ].toSorted((a, b) => (a.slice(2) < b.slice(2) ? -1 : 1));
    await expect(`${changes.join("\n")}\n`).toMatchFileSnapshot(`../snapshots/${values}.diff`);
  });
});

/** In an order of their own, so that a template may be split. */
function write(objects: readonly KubernetesObject[]): string {
  return objects
    .toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
    .map(
      (object) => `---\n${stringify(withoutCopies(object), { lineWidth: 0, aliasDuplicateObjects: false })}`,
    )
    .join("");
}

/** One line for each field. */
function fieldsOf(objects: readonly KubernetesObject[]): ReadonlySet<string> {
  return new Set(objects.flatMap((object) => flatten(nameOf(object), withoutCopies(object))));
}

/** What comes from deploy/observability is left there. */
function withoutCopies(object: KubernetesObject): object {
  if (object.kind === "Job")
    return { ...object, metadata: { ...object.metadata, name: nameOf(object).slice(4) } };
  if (object.kind === "PrometheusRule") return { ...object, spec: "deploy/observability/alerts.yaml" };
  if (object.metadata.name.includes("-dashboard-"))
    return { ...object, data: "deploy/observability/dashboards" };
  return object;
}
