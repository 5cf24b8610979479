export { buildBinaries } from "./binaries/build.ts";
export { type BinaryName, binaryPath, kubernetesVersion } from "./binaries/catalogue.ts";
export { missingBinaries } from "./binaries/missing.ts";
export {
  type ControlPlane,
  type ControlPlaneOptions,
  type ControlPlaneServer,
  startControlPlane,
} from "./control-plane/control-plane.ts";
