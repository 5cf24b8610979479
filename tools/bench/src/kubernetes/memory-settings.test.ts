import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { paths } from "../../../setup/paths.mjs";
import { memorySettings } from "./memory-settings.ts";

test("what is measured runs as the chart runs it", () => {
  const file = join(paths.repositoryRoot, "deploy/helm/gradients/templates/_env.tpl");
  const template = readFileSync(file, "utf8");
  for (const [name, value] of Object.entries(memorySettings))
    expect(template).toContain(`"${name}" "${value}"`);
});
