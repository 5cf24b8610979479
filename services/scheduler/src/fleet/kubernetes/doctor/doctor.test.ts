import { KubeClient, KubeTransport, RateLimiter } from "@gradients/kube";
import { TestApiServer } from "@gradients/kube/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { kubernetesSchema } from "../kubernetes-config.ts";
import { examine } from "./doctor.ts";
import type { Finding } from "./finding.ts";
import { reportOf, verdictOf } from "./report.ts";

const digest = `sha256:${"0".repeat(64)}`;
const hardwareClass = {
  name: "h100",
  description: "",
  slots: 4,
  threadsPerSlot: 8,
  image: `trainer@${digest}`,
  nodeSelector: { "nvidia.com/gpu.product": "H100" },
  tolerations: [{ key: "nvidia.com/gpu", operator: "Exists" }],
  resources: {
    cpu: "8",
    memory: "64Gi",
    ephemeralStorage: "50Gi",
    gpu: { name: "nvidia.com/gpu", count: 2 },
  },
};

let server: TestApiServer;
let transport: KubeTransport;

beforeEach(async () => {
  server = new TestApiServer();
  await server.up();
  transport = new KubeTransport(server.connection("trainers"), { userAgent: "test" });
  add("/api/v1/namespaces", "Namespace", "trainers", { "pod-security.kubernetes.io/enforce": "restricted" });
  add("/api/v1/namespaces/trainers/serviceaccounts", "ServiceAccount", "gradients-trainer");
  addNode("n1");
});

afterEach(async () => {
  await transport.close();
  await server[Symbol.asyncDispose]();
});

function add(
  collection: string,
  kind: string,
  name: string,
  labels: Record<string, string> = {},
  rest: object = {},
): void {
  const metadata = { name, labels, uid: "", resourceVersion: "", creationTimestamp: "" };
  server.store.create(collection, { kind, metadata, ...rest });
}

const limitedTo = (podPidsLimit: number) => ({ kubeletconfig: { podPidsLimit } });

function addNode(name: string, more: object = {}, gpus = "8"): void {
  const taints = [{ key: "nvidia.com/gpu", effect: "NoSchedule" }];
  const allocatable = {
    cpu: "127500m",
    memory: "1000Gi",
    "ephemeral-storage": "1099511627776",
    "nvidia.com/gpu": gpus,
  };
  const rest = { spec: { taints, ...more }, status: { allocatable } };
  add("/api/v1/nodes", "Node", name, { "nvidia.com/gpu.product": "H100" }, rest);
  server.kubelets.set(name, limitedTo(1024));
}

async function findingsOf(
  settings: object = {},
  relayTarget: string | undefined = "relay.gradients:50062",
): Promise<readonly Finding[]> {
  const kubernetes = kubernetesSchema.parse({
    namespace: "trainers",
    agentImage: `services@${digest}`,
    classes: [hardwareClass],
    ...settings,
  });
  const client = new KubeClient(transport, "trainers", new RateLimiter({ perSecond: 500, burst: 500 }));
  return examine(client, { kubernetes, podEnvironment: {}, stopGraceSeconds: 30, relayTarget });
}

async function problemsOf(...args: Parameters<typeof findingsOf>): Promise<string[]> {
  const findings = await findingsOf(...args);
  return findings.flatMap(({ level, text, cure = "" }) =>
    level === "ok" ? [] : [`${level}: ${text}. ${cure}`],
  );
}

test("finds nothing wrong where nothing is, and leaves nothing behind", async () => {
  expect(await problemsOf()).toEqual([]);
  expect(server.store.list("/apis/batch/v1/namespaces/trainers/jobs")).toEqual([]);
});

test("names the rights that are missing", async () => {
  server.denied.add("create jobs").add("delete pods");
  expect(await problemsOf()).toEqual([
    expect.stringMatching(/^problem: .* may not, .*: create jobs, delete pods\. bind the Role/),
  ]);
});

test("without the right to logs pods run, and it says what is lost", async () => {
  server.denied.add("get pods/log");
  expect(await problemsOf()).toEqual([expect.stringMatching(/^warning: .*get pods\/log.* is lost/)]);
});

test("misses namespace, service account and queue", async () => {
  server.store.delete("/api/v1/namespaces/trainers");
  server.store.delete("/api/v1/namespaces/trainers/serviceaccounts/gradients-trainer");
  const found = await problemsOf({ queue: "gpu" });
  expect(found).toEqual([
    expect.stringMatching(/^problem: There is no namespace trainers/),
    expect.stringMatching(/^problem: The pods' service account gradients-trainer does not exist/),
    expect.stringMatching(/^problem: Kueue has no LocalQueue gpu in trainers/),
  ]);
});

test("says what Kueue says of a queue that is not active", async () => {
  const conditions = [{ type: "Active", status: "False", message: "its ClusterQueue is stopped" }];
  add(
    "/apis/kueue.x-k8s.io/v1beta2/namespaces/trainers/localqueues",
    "LocalQueue",
    "gpu",
    {},
    { status: { conditions } },
  );
  expect(await problemsOf({ queue: "gpu" })).toEqual([
    expect.stringMatching(/not active: its ClusterQueue is stopped/),
  ]);
});

test.each<[string, object, RegExp]>([
  ["labels", { nodeSelector: { a: "b" } }, /none has the labels a=b\. label the nodes/],
  ["taints", { tolerations: [] }, /tainted with nvidia\.com\/gpu:NoSchedule\. add a toleration/],
  [
    "devices",
    { resources: { ...hardwareClass.resources, gpu: { name: "nvidia.com/gpu", count: 16 } } },
    /needs 16 nvidia\.com\/gpu/,
  ],
  [
    "memory",
    { resources: { ...hardwareClass.resources, memory: "2000Gi" } },
    /bytes of memory, and no node has so much/,
  ],
  [
    "disk space, that of the agent with it",
    { resources: { ...hardwareClass.resources, ephemeralStorage: "1022Gi" } },
    /needs \d+ bytes of ephemeral storage, and no node has so much/,
  ],
  ["slots", { slots: 5 }, /^warning: .* has 5 slots, and its 1 node\(s\) hold 4 pods/],
])("says which nodes are missing: %s", async (_what, change, expected) => {
  expect(await problemsOf({ classes: [{ ...hardwareClass, ...change }] })).toEqual([
    expect.stringMatching(expected),
  ]);
});

test("refuses loose images, a relay that pods cannot reach, and an unknown runtime", async () => {
  const classes = [{ ...hardwareClass, image: "trainer:latest", runtimeClassName: "kata" }];
  expect(await problemsOf({ classes }, "127.0.0.1:50062")).toEqual([
    expect.stringMatching(/the relay is at 127\.0\.0\.1:50062, which is their own address/),
    expect.stringMatching(/trainer:latest is not named by digest/),
    expect.stringMatching(/no runtime class kata/),
  ]);
});

test("misses the template of a class's claim, in every version of its API", async () => {
  const { cpu, memory, ephemeralStorage } = hardwareClass.resources;
  const resources = { cpu, memory, ephemeralStorage, claim: "one-gpu" };
  const classes = [{ ...hardwareClass, resources }];
  expect(await problemsOf({ classes })).toEqual([
    expect.stringMatching(/^problem: There is no ResourceClaimTemplate one-gpu in trainers/),
  ]);
  add(
    "/apis/resource.k8s.io/v1beta1/namespaces/trainers/resourceclaimtemplates",
    "ResourceClaimTemplate",
    "one-gpu",
  );
  expect(await problemsOf({ classes })).toEqual([]);
});

test("warns of kubelets that limit no processes, where a class has its nodes", async () => {
  for (const name of ["n2", "n3", "n4", "n5"]) addNode(name);
  add("/api/v1/nodes", "Node", "other");
  for (const name of ["n2", "n3", "n4", "other"]) server.kubelets.set(name, limitedTo(-1));
  server.kubelets.set("n5", { kubeletconfig: {} });
  expect(await problemsOf()).toEqual([
    expect.stringMatching(/^warning: .* on 4 node\(s\): n2, n3, n4 and 1 more: .*set podPidsLimit/),
  ]);
});

test("a kubelet that does not answer is told, and holds nothing up", async () => {
  addNode("n2");
  server.kubelets.delete("n2");
  expect(await problemsOf()).toEqual([expect.stringMatching(/^warning: .* does not tell .* node\(s\): n2/)]);
});

test("its last line promises no more than was looked at, nor that another look sees more", async () => {
  expect(verdictOf(await findingsOf(), "Elsewhere.")).toBe("Pods can run.\n");
  server.faults.add({ how: "refuse", method: "GET", path: "/configz", status: 403, reason: "Forbidden" });
  const findings = await findingsOf();
  expect(reportOf(findings)).toMatch(
    /^unseen {3}Limits of processes.* could not be checked.*\n +Cure: .*nodes\/proxy.* or, where that is refused to everybody, .*podPidsLimit/m,
  );
  expect(verdictOf(findings, "Elsewhere.")).toMatch(/but 1 check\(s\) could not be made .*\. Elsewhere\.\n$/);
  expect(verdictOf(findings)).toMatch(/but 1 check\(s\) could not be made with this account\.\n$/);
});

test("says what it could not look at, and goes on", async () => {
  server.faults.add({ how: "refuse", method: "GET", path: "/nodes", status: 403, reason: "Forbidden" });
  expect(await problemsOf()).toEqual([expect.stringMatching(/^unseen: Nodes could not be checked/)]);
});

test("says that the API server is away", async () => {
  await server.down();
  expect(await problemsOf()).toEqual([expect.stringMatching(/^problem: The API server does not answer/)]);
});
