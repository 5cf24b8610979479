import { find, ofKind } from "./testing/render.ts";
import { containerOf, count, type Objects, testToggles, variable } from "./testing/toggle.ts";

const gatewayPod = (objects: Objects) => find(objects, "Deployment", "gradients-gateway").spec.template;
const replicas = (service: string) => (objects: Objects) =>
  find(objects, "Deployment", `gradients-${service}`).spec.replicas as unknown;

testToggles("values of the services", [
  {
    what: "nameOverride is in names",
    over: { nameOverride: "grd" },
    see: (objects) => objects.filter(({ metadata }) => metadata.name === "gradients-grd-gateway").length > 0,
    off: false,
    on: true,
  },
  {
    what: "fullnameOverride begins names",
    over: { fullnameOverride: "x" },
    see: (objects) => ofKind(objects, "Deployment").map(({ metadata }) => metadata.name),
    off: ["gradients-gateway", "gradients-scheduler", "gradients-scorer", "gradients-chain-bridge"],
    on: ["x-gateway", "x-scheduler", "x-scorer", "x-chain-bridge"],
  },
  {
    what: "commonLabels are on every object",
    over: { commonLabels: { team: "a" } },
    see: (objects) => objects.filter(({ metadata }) => metadata.labels?.["team"] !== "a").length === 0,
    off: false,
    on: true,
  },
  {
    what: "commonAnnotations are on every object",
    over: { commonAnnotations: { team: "a" } },
    see: (objects) => objects.filter(({ metadata }) => metadata.annotations?.["team"] !== "a").length === 0,
    off: false,
    on: true,
  },
  {
    what: "options of Node that an operator gives stand in place of the chart's, and not beside them",
    over: { scheduler: { extraEnv: [{ name: "NODE_OPTIONS", value: "--max-old-space-size=512" }] } },
    see: (objects) =>
      containerOf(objects, "scheduler")
        .env.filter(({ name }: { readonly name: string }) => name === "NODE_OPTIONS")
        .map(({ value }: { readonly value: string }) => value),
    off: ["--max-semi-space-size=8"],
    on: ["--max-old-space-size=512"],
  },
  {
    what: "imageRegistry stands before images",
    over: { imageRegistry: "r.example.org" },
    see: (objects) => containerOf(objects, "gateway").image.split("@")[0],
    off: "gradients/services",
    on: "r.example.org/gradients/services",
  },
  {
    what: "a tag is taken where there is no digest",
    over: {
      image: { digest: "", tag: "t" },
      trainers: { admissionPolicy: { requireDigest: false } },
    },
    see: (objects) => containerOf(objects, "gateway").image.replace(/1{64}/, "1"),
    off: "gradients/services@sha256:1",
    on: "gradients/services:t",
  },
  {
    what: "replicas of one service",
    over: { scorer: { replicas: 5 } },
    see: replicas("scorer"),
    off: 1,
    on: 5,
  },
  {
    what: "a default of all services",
    over: { defaults: { revisionHistoryLimit: 7 } },
    see: (objects) => ofKind(objects, "Deployment").map(({ spec }) => spec.revisionHistoryLimit),
    off: [3, 3, 3, 3],
    on: [7, 7, 7, 7],
  },
  {
    what: "a service's own false beats the default's true",
    over: { gateway: { podDisruptionBudget: { enabled: false } } },
    see: (objects) => ofKind(objects, "PodDisruptionBudget").map(({ metadata }) => metadata.name),
    off: ["gradients-gateway", "gradients-scheduler"],
    on: ["gradients-scheduler"],
  },
  {
    what: "no budget for a single replica, which would only block drains",
    over: { gateway: { replicas: 1 }, scheduler: { replicas: 1 } },
    see: count("PodDisruptionBudget"),
    off: 2,
    on: 0,
  },
  {
    what: "autoscaling takes the replicas out of the Deployment",
    over: { gateway: { autoscaling: { enabled: true } } },
    see: (objects) => [replicas("gateway")(objects), count("HorizontalPodAutoscaler")(objects)],
    off: [2, 0],
    on: [undefined, 1],
  },
  {
    what: "KEDA scales the scorer on its backlog",
    over: { scorer: { autoscaling: { enabled: true } } },
    see: (objects) => ofKind(objects, "ScaledObject").map(({ spec }) => spec.triggers[0].type as unknown),
    off: [],
    on: ["prometheus"],
  },
  {
    what: "config becomes variables, lists and large numbers as they are",
    over: {
      gateway: { config: { GATEWAY_HTTP_CORS_ORIGINS: ["a", "b"], GATEWAY_UPLOADS_MAX_BYTES: 2e11 } },
    },
    see: (objects) => [
      variable(objects, "gateway", "GATEWAY_HTTP_CORS_ORIGINS"),
      variable(objects, "gateway", "GATEWAY_UPLOADS_MAX_BYTES"),
    ],
    off: [undefined, undefined],
    on: ['["a","b"]', "200000000000"],
  },
  {
    what: "TLS turns the gateway's probes to HTTPS, which the kubelet's gRPC probe does not speak",
    over: { gateway: { tls: { existingSecret: "tls" } } },
    see: (objects) => [
      containerOf(objects, "gateway").livenessProbe.httpGet?.scheme,
      containerOf(objects, "scorer").livenessProbe.httpGet?.scheme,
      variable(objects, "gateway", "GATEWAY_TLS_KEY_FILE"),
    ],
    off: [undefined, undefined, undefined],
    on: ["HTTPS", undefined, "/run/secrets/gradients/tls.key"],
  },
  {
    what: "the hotkey is there in active mode only",
    over: { chainBridge: { mode: "active", hotkey: { existingSecret: { name: "h" } } } },
    see: (objects) => [
      variable(objects, "chain-bridge", "CHAIN_BRIDGE_MODE"),
      variable(objects, "chain-bridge", "CHAIN_BRIDGE_HOTKEY_FILE"),
    ],
    off: ["read-only", undefined],
    on: ["active", "/run/secrets/gradients/hotkey"],
  },
  {
    what: "no chain-bridge, nothing of it",
    over: { chainBridge: { enabled: false } },
    see: (objects) => JSON.stringify(objects).includes("CHAIN_BRIDGE"),
    off: true,
    on: false,
  },
  {
    what: "the last word on a Deployment",
    over: { gateway: { merge: { spec: { template: { spec: { dnsPolicy: "None" } } } } } },
    see: (objects) => gatewayPod(objects).spec.dnsPolicy as unknown,
    off: undefined,
    on: "None",
  },
  {
    what: "more objects, as templates",
    over: { extraObjects: ["{kind: A, metadata: {name: '{{ .Release.Name }}'}}"] },
    see: (objects) => ofKind(objects, "A").map(({ metadata }) => metadata.name),
    off: [],
    on: ["gradients"],
  },
  {
    what: "a catalogue of recipes replaces pods when it changes",
    over: { scheduler: { recipes: { catalogue: [{ id: "a" }] } } },
    see: (objects) =>
      "checksum/recipes" in
      find(objects, "Deployment", "gradients-scheduler").spec.template.metadata.annotations,
    off: false,
    on: true,
  },
  {
    what: "the scorer's disk",
    over: { scorer: { work: { volume: { persistentVolumeClaim: { claimName: "c" } } } } },
    see: (objects) =>
      find(objects, "Deployment", "gradients-scorer").spec.template.spec.volumes.find(
        ({ name }: { name: string }) => name === "work",
      ).persistentVolumeClaim?.claimName as unknown,
    off: undefined,
    on: "c",
  },
]);
