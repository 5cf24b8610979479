import { Agent } from "node:https";
import { join } from "node:path";
import { freePort } from "@gradients/testkit";
import { stringify } from "yaml";
import { binaryPath } from "../binaries/catalogue.ts";
import { apiClient } from "../control-plane/client.ts";
import { keptPort } from "../control-plane/kubeconfig.ts";
import { prepareControlPlane, type ServerCommand } from "../control-plane/servers.ts";
import { daemonsIn, settled, thisMachine } from "../daemons/daemons.ts";
import { makeNodes } from "../simulated/nodes.ts";
import { stages } from "../simulated/stages.ts";
import { writeStable } from "../write-stable.ts";
import { startControlPlaneDaemons } from "./control-plane-daemons.ts";
import type { Step } from "./steps.ts";

/** Starts whatever of the simulated cluster does not run yet, on this machine's loopback. */
export async function upSimulated(dir: string, nodes: number, step: Step): Promise<void> {
  const files = await prepareControlPlane({
    dir,
    host: "127.0.0.1",
    port: (await keptPort(join(dir, "kubeconfig"))) ?? (await freePort()),
    serviceCidr: "10.96.0.0/16",
    publishesEndpoint: false,
    // Nobody watches over simulated nodes: they have no heartbeats, and would wait for ever to be declared ready.
    apiServerArgs: ["--disable-admission-plugins=TaintNodesByCondition"],
    controllerManagerArgs: ["--controllers=*,-node-lifecycle-controller"],
  });
  const daemons = daemonsIn(dir, thisMachine);
  const api = await apiClient(files.kubeconfig);
  await startControlPlaneDaemons({ daemons, files, api, step });
  const kwok = await prepareKwok(dir, files.kubeconfig);
  await step("kwok", () => daemons.start(kwok, settled()));
  await step(`${nodes} nodes`, async () =>
    makeNodes(await apiClient(files.kubeconfig, new Agent({ keepAlive: true })), nodes),
  );
}

async function prepareKwok(dir: string, kubeconfig: string): Promise<ServerCommand> {
  const config = join(dir, "config/kwok.yaml");
  const options = {
    apiVersion: "config.kwok.x-k8s.io/v1alpha1",
    kind: "KwokConfiguration",
    options: { manageAllNodes: true, podPlayStageParallelism: 16, nodePlayStageParallelism: 4 },
  };
  await writeStable(config, [options, ...stages()].map((document) => stringify(document)).join("---\n"));
  return {
    name: "kwok",
    program: binaryPath("kwok"),
    args: [
      `--kubeconfig=${kubeconfig}`,
      `--config=${config}`,
      "--manage-all-nodes=true",
      "--node-lease-duration-seconds=0",
    ],
  };
}
