import { type ApiClient, ApiError } from "../control-plane/client.ts";

/** What every simulated node offers: the GPU server that clusters most often have. */
const gpuProduct = "NVIDIA-H100-80GB-HBM3";
const gpusPerNode = 8;
const capacity = {
  cpu: "192",
  memory: "2Ti",
  "ephemeral-storage": "7Ti",
  pods: "250",
  "nvidia.com/gpu": String(gpusPerNode),
};

const width = 16;

/** Makes the nodes 0 to `count` - 1 that do not exist yet. */
export async function makeNodes(api: ApiClient, count: number): Promise<void> {
  const indices = Array.from({ length: count }, (_, index) => index).values();
  const worker = async () => {
    for (const index of indices) await makeNode(api, index);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

async function makeNode(api: ApiClient, index: number): Promise<void> {
  try {
    await api.call("POST", "/api/v1/nodes", simulatedNode(index));
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 409)) throw error;
  }
}

/** With the labels of NVIDIA's feature discovery and the taint that keeps other work off GPU nodes. */
function simulatedNode(index: number) {
  const name = `gpu-${String(index).padStart(5, "0")}`;
  const now = new Date().toISOString();
  const condition = (type: string, status: "True" | "False", reason: string) => ({
    type,
    status,
    reason,
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  });
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      annotations: { "kwok.x-k8s.io/node": "fake" },
      labels: {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "simulated-8xh100",
        "nvidia.com/gpu.count": String(gpusPerNode),
        "nvidia.com/gpu.memory": "81559",
        "nvidia.com/gpu.present": "true",
        "nvidia.com/gpu.product": gpuProduct,
        "nvidia.com/cuda.driver.major": "570",
      },
    },
    spec: { taints: [{ key: "nvidia.com/gpu", value: "present", effect: "NoSchedule" }] },
    status: {
      capacity,
      allocatable: capacity,
      conditions: [
        condition("Ready", "True", "KubeletReady"),
        condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
        condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
        condition("PIDPressure", "False", "KubeletHasSufficientPID"),
      ],
      addresses: [{ type: "Hostname", address: name }],
      nodeInfo: nodeInfo(),
    },
  };
}

const nodeInfo = () => ({
  architecture: "amd64",
  bootID: "",
  containerRuntimeVersion: "kwok",
  kernelVersion: "kwok",
  kubeProxyVersion: "kwok",
  kubeletVersion: "kwok",
  machineID: "",
  operatingSystem: "linux",
  osImage: "simulated",
  systemUUID: "",
});
