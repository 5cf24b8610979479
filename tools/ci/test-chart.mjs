// `npm run test:chart`: builds Helm and kubeconform where Go is, makes the schemas of the newest Kubernetes minors, and runs the chart's tests.
// With --api-server it builds a control plane as well (some ten minutes on two cores), for the tests that ask a real API server.
import { join } from "node:path";
import { makeSchemas } from "../chart/src/schemas/make-schemas.ts";
import { buildBinaries, goProblem } from "../cluster/src/index.ts";
import { launch } from "../setup/launch.mjs";
import { paths } from "../setup/paths.mjs";
import { runCommand } from "../setup/problem.mjs";

const controlPlane = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"];

await runCommand(async (options) => {
  const problem = goProblem();
  if (problem !== undefined) {
    process.stdout.write(`The chart's tests are skipped. ${problem}.\n`);
    return 0;
  }
  const isWhole = options.includes("--api-server");
  await buildBinaries(["helm", "kubeconform", ...(isWhole ? controlPlane : [])]);
  await makeSchemas();
  const vitest = join(paths.dependencies, "vitest/vitest.mjs");
  return launch(vitest, ["run", "--root", paths.repositoryRoot, "tools/chart"]);
});
