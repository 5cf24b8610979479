export { buildBinaries, goProblem } from "./binaries/build.ts";
export { type BinaryName, binaryPath, kubernetesVersion } from "./binaries/catalogue.ts";
export { missingBinaries } from "./binaries/missing.ts";
export {
  clusterKubeconfig,
  compactHistory,
  down,
  loadArchives,
  stopServer,
  type UpOptions,
  up,
} from "./cluster/cluster.ts";
export { clusterProblem } from "./cluster/needs.ts";
export {
  type ControlPlane,
  type ControlPlaneOptions,
  type ControlPlaneServer,
  startControlPlane,
} from "./control-plane/control-plane.ts";
export { findKueue, type KueueModule, makeKueueDefinitions } from "./kueue/module.ts";
export { kueueProblem, startKueue } from "./kueue/start-kueue.ts";
export { imagesFolder } from "./layout.ts";
export { addresses } from "./node/addresses.ts";
export { type Outcome, outcomeOf } from "./run.ts";
export { fate } from "./simulated/annotations.ts";
