import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SetupProblem } from "../../../setup/problem.mjs";
import { binaryPath } from "../binaries/catalogue.ts";
import { type ApiClient, apiClient } from "../control-plane/client.ts";
import { prepareControlPlane } from "../control-plane/servers.ts";
import { type Daemons, daemonsIn, type Place } from "../daemons/daemons.ts";
import { configFile } from "../layout.ts";
import { addresses, nodeName, ports } from "../node/addresses.ts";
import { makeCgroups } from "../node/cgroups.ts";
import { ctrIn, loadImages, tidyImages } from "../node/image-store.ts";
import { dnsImage, type Image, packImage, pauseImage, shellImage } from "../node/images.ts";
import { findNode, openNode } from "../node/namespaces.ts";
import { containerdSocket, type NodeServers, prepareNode } from "../node/servers.ts";
import { run } from "../run.ts";
import { startControlPlaneDaemons } from "./control-plane-daemons.ts";
import type { Step } from "./steps.ts";

/** Starts whatever of the cluster with a real node does not run yet. */
export async function upNode(dir: string, step: Step): Promise<void> {
  const place = (await findNode(dir)) ?? (await step("namespaces", () => openNode(dir)));
  await makeCgroups();
  const files = await prepareControlPlane({
    dir,
    host: addresses.node,
    port: ports.apiServer,
    serviceCidr: addresses.serviceCidr,
    publishesEndpoint: true,
  });
  const servers = await prepareNode(dir, files);
  const daemons = daemonsIn(dir, place);
  const api = await apiClient(files.kubeconfig);
  await Promise.all([
    startControlPlaneDaemons({ daemons, files, api, step }),
    step("containerd", () => startContainerd(dir, place, daemons, servers)).then(() =>
      step("images", () => loadOwnImages(dir, place)),
    ),
  ]);
  await step("kubelet", () => daemons.start(servers.kubelet, () => nodeIsKnown(api)));
  await api.call("PATCH", `/api/v1/nodes/${nodeName}`, {
    spec: { podCIDR: addresses.podCidr, podCIDRs: [addresses.podCidr] },
  });
  await applySystem(files.kubeconfig);
  await Promise.all([
    step("kube-proxy", () => daemons.start(servers.kubeProxy, () => isHealthy(ports.kubeProxyHealth))),
    step("kube-router", () => daemons.start(servers.kubeRouter, () => isHealthy(ports.kubeRouterHealth))),
  ]);
  await step("node and DNS", () => untilServing(api));
}

/** For the first time in the cluster's life: its pods are none of those that the store of images may still know. */
async function startContainerd(dir: string, place: Place, daemons: Daemons, servers: NodeServers) {
  const ready = () => answers(containerdSocket(dir));
  const tidied = join(dir, "images.tidied");
  if (!existsSync(tidied)) {
    await daemons.start(servers.podlessContainerd, ready);
    await tidyImages(ctrIn(dir, place));
    await daemons.stop(servers.podlessContainerd.name);
    await writeFile(tidied, "");
  }
  await daemons.start(servers.containerd, ready);
}

async function loadOwnImages(dir: string, place: Place): Promise<void> {
  const loaded = join(dir, "images/loaded");
  if (existsSync(loaded)) return;
  const images: readonly Image[] = [pauseImage, dnsImage, shellImage()];
  const archives = [];
  for (const image of images) archives.push(await packImage(image, join(dir, "images")));
  await loadImages(ctrIn(dir, place), archives);
  await writeFile(loaded, "");
}

async function applySystem(kubeconfig: string): Promise<void> {
  const manifests = (await readFile(configFile("system.yaml"), "utf8")).replaceAll("${DNS}", addresses.dns);
  const kubectl = [binaryPath("kubectl"), "--kubeconfig", kubeconfig];
  await run([...kubectl, "apply", "--server-side", "--force-conflicts", "-f", "-"], manifests);
}

function answers(socket: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const connection = connect(socket, () => {
      connection.destroy();
      resolve();
    });
    connection.on("error", reject);
  });
}

async function isHealthy(port: number): Promise<void> {
  const url = `http://${addresses.node}:${port}/healthz`;
  const { status } = await fetch(url, { signal: AbortSignal.timeout(2000) });
  if (status !== 200) throw new Error(`${url} answers ${status}`);
}

async function nodeIsKnown(api: ApiClient): Promise<void> {
  await api.call("GET", `/api/v1/nodes/${nodeName}`);
}

const servingTimeoutMs = 60_000;

async function untilServing(api: ApiClient): Promise<void> {
  const deadline = Date.now() + servingTimeoutMs;
  for (;;) {
    const [isReady, hasDns] = [await nodeIsReady(api), await dnsAnswers(api)];
    if (isReady && hasDns) return;
    if (Date.now() > deadline)
      throw new SetupProblem(
        `After ${servingTimeoutMs / 1000} s the node is ${isReady ? "" : "not "}ready, DNS is ${hasDns ? "" : "not "}up`,
      );
    await sleep(100);
  }
}

interface Conditions {
  readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

async function nodeIsReady(api: ApiClient): Promise<boolean> {
  const node = (await api.call("GET", `/api/v1/nodes/${nodeName}`)) as Conditions;
  return isTrue(node, "Ready");
}

async function dnsAnswers(api: ApiClient): Promise<boolean> {
  const path = "/apis/apps/v1/namespaces/kube-system/deployments/coredns";
  const { status } = (await api.call("GET", path)) as {
    readonly status: { readonly availableReplicas?: number };
  };
  return (status.availableReplicas ?? 0) > 0;
}

function isTrue({ status }: Conditions, type: string): boolean {
  return status.conditions?.some((one) => one.type === type && one.status === "True") ?? false;
}
