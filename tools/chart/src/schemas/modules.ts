import { spawnSync } from "node:child_process";
import { SetupProblem } from "../../../setup/problem.mjs";

/** A published Go module: what Kubernetes and its neighbours publish their API descriptions in. */
export interface GoModule {
  readonly path: string;
  readonly version: string;
  /** Of its content, as in a go.sum. */
  readonly sum: string;
}

/** The three newest minors. */
export const kubernetesModules: readonly GoModule[] = [
  { path: "k8s.io/kubernetes", version: "v1.37.2", sum: "h1:A2VDEiObzkYqFTKhSsn0ZEb0RlLEXpHWj93gi2HqEwE=" },
  { path: "k8s.io/kubernetes", version: "v1.36.3", sum: "h1:qDQdoMiluAE2Eab6Fa52YV+WjiGz9mZFFoagEA6cI+o=" },
  { path: "k8s.io/kubernetes", version: "v1.35.4", sum: "h1:o/8dBC/pHVpYoGV4OAIytAlNPZbdYVTXJHoYvXC4qzM=" },
];

export interface CustomResources extends GoModule {
  /** Their definitions, inside the module. */
  readonly files: readonly string[];
}

export const customResources: readonly CustomResources[] = [
  {
    path: "github.com/prometheus-operator/prometheus-operator",
    version: "v0.85.0",
    sum: "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
    files: ["servicemonitors", "podmonitors", "prometheusrules"].map(
      (kind) => `example/prometheus-operator-crd/monitoring.coreos.com_${kind}.yaml`,
    ),
  },
  {
    path: "sigs.k8s.io/gateway-api",
    version: "v1.6.3",
    sum: "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
    files: ["httproutes", "grpcroutes"].map(
      (kind) => `config/crd/standard/gateway.networking.k8s.io_${kind}.yaml`,
    ),
  },
  {
    path: "github.com/kedacore/keda/v2",
    version: "v2.21.0",
    sum: "h1:R6z2HZvstK4RLUMxroNACzBj74xGxt3kG59b5Xc+Xps=",
    files: ["config/crd/bases/keda.sh_scaledobjects.yaml"],
  },
];

/** Folder of the module in Go's own cache, fetched if need be. */
export function moduleFolder({ path, version, sum }: GoModule): string {
  const name = `${path}@${version}`;
  const { status, stdout, stderr } = spawnSync("go", ["mod", "download", "-json", name], {
    encoding: "utf8",
    cwd: import.meta.dirname,
  });
  if (status !== 0)
    throw new SetupProblem(
      `The module ${name} could not be fetched: ${stderr || stdout || "Go is not installed"}.`,
    );
  const { Dir: folder, Sum: found } = JSON.parse(stdout) as { readonly Dir: string; readonly Sum: string };
  if (found !== sum) throw new SetupProblem(`The module ${name} is not the pinned one: its sum is ${found}.`);
  return folder;
}
