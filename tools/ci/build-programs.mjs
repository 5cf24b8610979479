// `npm run build:programs`: builds what tests of `npm test` need to ask a real Helm, API server or Kueue, and makes the schemas of the newest Kubernetes minors:
// once, some 25 minutes on two cores. Where Go is missing it says so, and these tests are skipped.
import { makeSchemas } from "../chart/src/schemas/make-schemas.ts";
import { buildBinaries, goProblem } from "../cluster/src/index.ts";
import { runCommand } from "../setup/problem.mjs";

const kubernetes = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kubectl",
  "kueue",
];

await runCommand(async () => {
  const problem = goProblem();
  if (problem !== undefined) {
    process.stdout.write(`Tests on real Kubernetes programs will be skipped. ${problem}.\n`);
    return 0;
  }
  await buildBinaries(["helm", "kubeconform", ...(process.platform === "linux" ? kubernetes : [])]);
  await makeSchemas();
  return 0;
});
