import { find, ofKind } from "./testing/render.ts";
import { containerOf, count, type Objects, testToggles, variable } from "./testing/toggle.ts";

const policy = (name: string) => (objects: Objects) => find(objects, "NetworkPolicy", name).spec;

testToggles("values of what stands around the services", [
  {
    what: "an authority of one's own is trusted, also by migrations",
    over: { trustedCa: { configMapName: "ca" } },
    see: (objects) =>
      [containerOf(objects, "scorer"), ofKind(objects, "Job")[0]?.spec.template.spec.containers[0]].map(
        ({ env }) => env.some(({ name }: { name: string }) => name === "NODE_EXTRA_CA_CERTS") as boolean,
      ),
    off: [false, false],
    on: [true, true],
  },
  {
    what: "metrics off: no port, no variable",
    over: { metrics: { enabled: false } },
    see: (objects) => [
      variable(objects, "scorer", "OTEL_METRICS_EXPORTER"),
      containerOf(objects, "scorer").ports.length,
    ],
    off: ["prometheus", 2],
    on: [undefined, 1],
  },
  {
    what: "ServiceMonitor",
    over: { metrics: { serviceMonitor: { enabled: true } } },
    see: count("ServiceMonitor"),
    off: 0,
    on: 1,
  },
  {
    what: "PodMonitor",
    over: { metrics: { podMonitor: { enabled: true } } },
    see: count("PodMonitor"),
    off: 0,
    on: 1,
  },
  {
    what: "every alert with the runbooks' address",
    over: { metrics: { prometheusRule: { enabled: true, runbookBaseUrl: "https://r.example.org/x.md" } } },
    see: (objects) =>
      ofKind(objects, "PrometheusRule").flatMap(({ spec }) =>
        spec.groups[0].rules.map(
          (rule: { annotations: { runbook_url: string } }) => rule.annotations.runbook_url.split("#")[0],
        ),
      )[3] as unknown,
    off: undefined,
    on: "https://r.example.org/x.md",
  },
  {
    what: "dashboards as ConfigMaps with JSON that Grafana reads",
    over: { metrics: { dashboards: { enabled: true } } },
    see: (objects) =>
      ofKind(objects, "ConfigMap").map(
        ({ data }) => (JSON.parse(Object.values<string>(data)[0] ?? "") as { uid: string }).uid,
      ),
    off: [],
    on: ["gradients-bus", "gradients-chain", "gradients-overview", "gradients-race"],
  },
  {
    what: "OTLP endpoint",
    over: { telemetry: { otlpEndpoint: "http://otel:4318" } },
    see: (objects) => variable(objects, "scorer", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    off: undefined,
    on: "http://otel:4318",
  },
  {
    what: "migrations off: pods wait all the same",
    over: { migrations: { enabled: false } },
    see: (objects) => [
      count("Job")(objects),
      find(objects, "Deployment", "gradients-gateway").spec.template.spec.initContainers[0].args,
    ],
    off: [1, ["await-schema"]],
    on: [0, ["await-schema"]],
  },
  {
    what: "migrations as a hook",
    over: { migrations: { hook: true } },
    see: (objects) => ofKind(objects, "Job")[0]?.metadata.annotations?.["helm.sh/hook"],
    off: undefined,
    on: "pre-install,pre-upgrade",
  },
  {
    what: "a Secret that makes roles goes to migrations and nobody else",
    over: { database: { adminSecret: { name: "admin" } } },
    see: (objects) =>
      objects.filter((object) => JSON.stringify(object).includes('"admin"')).map(({ kind }) => kind),
    off: [],
    on: ["Job"],
  },
  {
    what: "network policies off leaves the trainers' ones",
    over: { networkPolicy: { enabled: false } },
    see: (objects) => ofKind(objects, "NetworkPolicy").map(({ metadata }) => metadata.namespace ?? ""),
    off: [...Array.from({ length: 6 }, () => "gradients"), "gradients-trainers", "gradients-trainers"],
    on: ["gradients-trainers", "gradients-trainers"],
  },
  {
    what: "peers of Postgres",
    over: { networkPolicy: { database: [{ ipBlock: { cidr: "10.1.2.3/32" } }] } },
    see: (objects) => JSON.stringify(policy("gradients-scorer")(objects).egress).includes("10.1.2.3/32"),
    off: false,
    on: true,
  },
  {
    what: "ports are read off addresses",
    over: { nats: { servers: ["a:4333", "nats://b"] }, objects: { endpoint: "http://s3.example.org" } },
    see: (objects) =>
      policy("gradients-scorer")(objects)
        .egress.slice(2)
        .flatMap(({ ports }: { ports: { port: number }[] }) => ports.map(({ port }) => port)) as unknown,
    off: [4222, 443],
    on: [4333, 4222, 80],
  },
  {
    what: "who may call the gateway",
    over: { networkPolicy: { gatewayFrom: [{ podSelector: {} }] } },
    see: (objects) => policy("gradients-gateway")(objects).ingress[0].from?.length as unknown,
    off: undefined,
    on: 2,
  },
  {
    what: "Ingresses",
    over: {
      ingress: { http: { enabled: true, hosts: ["a"] }, grpc: { enabled: true, hosts: ["b"] } },
    },
    see: (objects) =>
      ofKind(objects, "Ingress").map(
        ({ spec }) => spec.rules[0].http.paths[0].backend.service.port.name as unknown,
      ),
    off: [],
    on: ["grpc", "http"],
  },
  {
    what: "routes of the Gateway API",
    over: {
      gatewayApi: {
        httpRoute: { enabled: true, parentRefs: [{ name: "a" }] },
        grpcRoute: { enabled: true, parentRefs: [{ name: "a" }] },
      },
    },
    see: (objects) => [count("HTTPRoute")(objects), count("GRPCRoute")(objects)],
    off: [0, 0],
    on: [1, 1],
  },
  {
    what: "helm test off",
    over: { tests: { enabled: false } },
    see: count("Pod"),
    off: 1,
    on: 0,
  },
]);
