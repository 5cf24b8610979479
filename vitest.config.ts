import { defineConfig } from "vitest/config";

const sources = ["packages", "services", "tools"];
const named = (suffix: string) => sources.map((folder) => `${folder}/**/*${suffix}`);
const integration = named(".int.test.ts");
const system = named(".system.test.ts");
const cluster = named(".cluster.test.ts");
const upgrade = ["tools/faults/src/upgrade.cluster.test.ts"];
const never = ["**/node_modules/**", "**/dist/**"];

export default defineConfig({
  test: {
    // Two cores and a database server: more workers only wait for each other.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: "unit",
          include: named(".test.{ts,mjs}"),
          exclude: [...never, ...integration, ...system, ...cluster],
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "int",
          include: integration,
          exclude: never,
          globalSetup: ["packages/testkit/src/global-setup.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "system",
          include: system,
          exclude: never,
          fileParallelism: false,
          testTimeout: 15 * 60_000,
          hookTimeout: 5 * 60_000,
          sequence: { groupOrder: 2 },
        },
      },
      // On one real Kubernetes for all: `npm run test:cluster`, and `npm run test:upgrade`, which builds a release of another commit.
      onKubernetes("cluster", cluster, [...never, ...upgrade], 3),
      onKubernetes("upgrade", upgrade, never, 4),
    ],
  },
});

function onKubernetes(name: string, include: string[], exclude: string[], groupOrder: number) {
  return {
    test: {
      name,
      include,
      exclude,
      globalSetup: ["tools/cluster/src/testing/global-setup.ts"],
      fileParallelism: false,
      testTimeout: 5 * 60_000,
      hookTimeout: 5 * 60_000,
      sequence: { groupOrder },
    },
  };
}
