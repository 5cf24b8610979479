// `npm run test:chart`: builds Helm and kubeconform where Go is, makes the schemas of the newest Kubernetes minors, and runs the chart's tests.
// With --build-only the tests are left to `npm test`, which runs those for which everything is there. With --api-server it builds a control plane as well (some ten minutes on two cores), for the tests that ask a real API server.
import { join } from "node:path";
import { makeSchemas } from "../chart/src/schemas/make-schemas.ts";
import { buildBinaries } from "../cluster/src/index.ts";
import { launch } from "../setup/launch.mjs";
import { paths } from "../setup/paths.mjs";
import { SetupProblem } from "../setup/problem.mjs";

const controlPlane = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"];

try {
  const isWhole = process.argv.includes("--api-server");
  await buildBinaries(["helm", "kubeconform", ...(isWhole ? controlPlane : [])]);
  await makeSchemas();
  if (process.argv.includes("--build-only")) process.exit(0);
  const vitest = join(paths.dependencies, "vitest/vitest.mjs");
  process.exitCode = await launch(vitest, ["run", "--root", paths.repositoryRoot, "tools/chart"]);
} catch (error) {
  if (!(error instanceof SetupProblem)) throw error;
  process.stdout.write(`The chart's tests are skipped. ${error.message}\n`);
}
