import { describe, expect, test } from "vitest";
import { hasHelm, render, type ValuesName } from "./testing/render.ts";

interface Refusal {
  readonly what: string;
  readonly over: object;
  readonly says: string | RegExp;
  readonly values?: ValuesName;
}

const contestants = (contestantImage: string) => ({
  name: "small",
  description: "",
  slots: 1,
  threadsPerSlot: 1,
  resources: { cpu: "1", memory: "2Gi", ephemeralStorage: "30Gi" },
  contestantImage,
});

const recipe = (image: string) => ({
  scheduler: {
    recipes: {
      catalogue: [{ id: "mine", title: "M", summary: "M", method: "lora", settings: {}, image }],
      imageRegistries: ["registry.example.org/contestants"],
    },
  },
});

const byTheSchema: readonly Refusal[] = [
  { what: "an unknown key", over: { gatway: {} }, says: "gatway" },
  { what: "an unknown key inside", over: { gateway: { replicaCount: 2 } }, says: "replicaCount" },
  {
    what: "an unknown variable of a service",
    over: { gateway: { config: { GATEWAY_LOG_LEVLE: "info" } } },
    says: "GATEWAY_LOG_LEVLE",
  },
  {
    what: "a variable that the chart sets",
    over: { gateway: { config: { GATEWAY_GRPC_PORT: 1 } } },
    says: "GATEWAY_GRPC_PORT",
  },
  {
    what: "a variable of another service",
    over: { scorer: { config: { GATEWAY_LOG_LEVEL: "info" } } },
    says: "GATEWAY_LOG_LEVEL",
  },
  { what: "a wrong type", over: { scorer: { replicas: "two" } }, says: /replicas/ },
  { what: "a digest that is none", over: { image: { digest: "sha256:1" } }, says: /digest/ },
  { what: "an even number of stream copies", over: { nats: { streamReplicas: 2 } }, says: /streamReplicas/ },
  {
    what: "a chain endpoint that is no WebSocket",
    over: { chainBridge: { endpoints: ["http://a"] } },
    says: /endpoints/,
  },
  { what: "an unknown mode", over: { chainBridge: { mode: "on" } }, says: /mode/ },
  {
    what: "a hotkey that is no address",
    over: { scheduler: { contestantHotkeys: ["x"] } },
    says: /contestantHotkeys/,
  },
  {
    what: "a hardware class without resources",
    over: { trainers: { hardwareClasses: [{ name: "a", description: "a", slots: 1, threadsPerSlot: 1 }] } },
    says: /resources/,
  },
  { what: "a peer that is none", over: { networkPolicy: { nats: [{ cidr: "1.2.3.4/32" }] } }, says: /cidr/ },
  ...["169.254.169.254", "::ffff:169.254.169.254/128", "s3.example.org"].map((cidr) => ({
    what: `${cidr} as a network`,
    over: { trainers: { networkPolicy: { objects: [{ ipBlock: { cidr } }] } } },
    says: /cidr/,
  })),
];

const byTheTemplates: readonly Refusal[] = [
  { what: "no NATS", over: { nats: { servers: [] } }, says: "nats.servers" },
  { what: "no object store", over: { objects: { endpoint: "" } }, says: "objects.endpoint" },
  {
    what: "no S3 key",
    over: { objects: { existingSecret: { name: "" } } },
    says: "objects.existingSecret.name",
  },
  {
    what: "no database",
    over: { scorer: { database: { existingSecret: { name: "" } } } },
    says: "scorer.database.existingSecret.name",
  },
  { what: "no hotkeys", over: { scheduler: { contestantHotkeys: [] } }, says: "scheduler.contestantHotkeys" },
  { what: "no chain", over: { chainBridge: { endpoints: [] } }, says: "chainBridge.endpoints" },
  { what: "active without a hotkey", over: { chainBridge: { mode: "active" } }, says: "chainBridge.hotkey" },
  {
    what: "no hardware class",
    over: { trainers: { hardwareClasses: [] } },
    says: "trainers.hardwareClasses",
  },
  {
    what: "the services by tag, where digests are asked for",
    over: { image: { digest: "" } },
    says: "image.digest",
  },
  {
    what: "a trainer by tag",
    over: { trainers: { image: { digest: "" } } },
    says: "trainers.hardwareClasses, l40s",
  },
  {
    what: "a contestant's image by tag",
    over: { trainers: { hardwareClasses: [contestants("mine:1")] } },
    says: "trainers.hardwareClasses, small: contestantImage",
  },
  {
    what: "a recipe's image by tag",
    over: recipe("registry.example.org/contestants/mine:1"),
    says: "scheduler.recipes.catalogue, mine: an image by registry and digest",
  },
  {
    what: "a recipe's image from nowhere that is allowed",
    over: recipe(`registry.example.org/contestants-evil/mine@sha256:${"1".repeat(64)}`),
    says: "scheduler.recipes.imageRegistries: the image of the recipe mine",
  },
  {
    what: "hostile code in the release's own namespace",
    over: { trainers: { namespace: { name: "gradients" } } },
    says: "trainers.namespace.name",
  },
  {
    what: "an open network by accident",
    over: { trainers: { networkPolicy: { enabled: false } } },
    says: "acceptOpenNetwork",
  },
  {
    what: "no word on where the object store is",
    over: { trainers: { networkPolicy: { objects: [] } } },
    says: "trainers.networkPolicy.objects",
  },
  {
    what: "the metadata service as an object store",
    over: { trainers: { networkPolicy: { objects: [{ ipBlock: { cidr: "169.254.169.254/32" } }] } } },
    says: "metadata",
  },
  ...["100.100.100.200/32", "169.254.0.0/16", "fe80::1/128", "FD00:0EC2:0::254/128"].map((cidr) => ({
    what: `${cidr} as an object store`,
    over: { trainers: { networkPolicy: { objects: [{ ipBlock: { cidr } }] } } },
    says: `trainers.networkPolicy.objects, ${cidr}: lies in`,
  })),
  ...["::ffff:a9fe:a9fe/128", "0:0:0:0:0:FFFF:a9fe:0/112", "0::ffff:808:808/128", "::ffff:0:0/96"].map(
    (cidr) => ({
      what: `${cidr}, an IPv4 network in IPv6's clothes,`,
      over: { trainers: { networkPolicy: { objects: [{ ipBlock: { cidr } }] } } },
      says: `trainers.networkPolicy.objects, ${cidr}: lies in ::ffff:0:0/96, which network plugins may read as IPv4; write it as an IPv4 network`,
    }),
  ),
  {
    what: "such a network as an exception",
    over: {
      trainers: {
        networkPolicy: { objects: [{ ipBlock: { cidr: "::/0", except: ["::ffff:a9fe:a9fe/128"] } }] },
      },
    },
    says: "trainers.networkPolicy.objects, ::ffff:a9fe:a9fe/128",
  },
  {
    what: "such a network among those never reachable",
    over: { trainers: { networkPolicy: { neverReachable: ["::ffff:a00:0/104"] } } },
    says: "trainers.networkPolicy.neverReachable, ::ffff:a00:0/104",
  },
  {
    what: "such a network as a service's peer",
    over: { networkPolicy: { nats: [{ ipBlock: { cidr: "::ffff:a9fe:a9fe/128" } }] } },
    says: "networkPolicy.nats, ::ffff:a9fe:a9fe/128",
  },
  {
    what: "the metadata service beside the development servers",
    values: "dev" as const,
    over: { trainers: { networkPolicy: { objects: [{ ipBlock: { cidr: "169.254.169.254/32" } }] } } },
    says: "metadata",
  },
  {
    what: "a host name for pods that have no DNS",
    over: { objects: { trainersEndpoint: "" } },
    says: "trainers.networkPolicy.dns: pods cannot resolve s3.example.org",
  },
  {
    what: "two kinds of monitors",
    over: { metrics: { serviceMonitor: { enabled: true }, podMonitor: { enabled: true } } },
    says: "counts twice",
  },
  {
    what: "a monitor of nothing",
    over: { metrics: { enabled: false, podMonitor: { enabled: true } } },
    says: "nothing to scrape",
  },
  {
    what: "an ingress without a host",
    over: { ingress: { http: { enabled: true } } },
    says: "ingress.http.hosts",
  },
  {
    what: "a route to nowhere",
    over: { gatewayApi: { grpcRoute: { enabled: true } } },
    says: "gatewayApi.grpcRoute.parentRefs",
  },
  {
    what: "autoscaling upside down",
    over: { gateway: { autoscaling: { enabled: true, minReplicas: 9 } } },
    says: "gateway.autoscaling",
  },
  {
    what: "two sources of recipes",
    over: { scheduler: { recipes: { catalogue: [{ id: "a" }], existingConfigMap: "b" } } },
    says: "scheduler.recipes",
  },
  {
    what: "two authorities",
    over: { trustedCa: { configMapName: "a", secretName: "b" } },
    says: "trustedCa",
  },
  {
    what: "development without a password",
    values: "dev",
    over: { dev: { password: "" } },
    says: "dev.password",
  },
  {
    what: "a hook before the development database",
    values: "dev",
    over: { migrations: { hook: true } },
    says: "migrations.hook",
  },
];

describe.skipIf(!hasHelm)("refused", { timeout: 30_000 }, () => {
  test.each(byTheSchema)("$what, by the schema", ({ over, says }) =>
    expect(render({ over })).rejects.toThrow(says),
  );
  test.each(byTheTemplates)("$what, in words", ({ over, says, values = "minimal" }) =>
    expect(render({ values, over })).rejects.toThrow(says),
  );

  test("all problems are told at once", async () => {
    const over = { nats: { servers: [] }, image: { digest: "" }, scheduler: { contestantHotkeys: [] } };
    await expect(render({ over })).rejects.toThrow("The values have 3 problem(s)");
  });

  test("a Kubernetes that is too old", () =>
    expect(render({ kubeVersion: "1.29.9" })).rejects.toThrow("kubeVersion"));
});
