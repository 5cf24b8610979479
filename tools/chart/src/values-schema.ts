import { type ServiceName, type ServiceVariable, serviceVariables } from "./service-variables.ts";
import type { ValueNode } from "./values-tree.ts";

type Schema = Readonly<Record<string, unknown>>;

/** Of every service, by the end of the name: set by the chart from values of their own. */
const chartSets =
  /_(GRPC_(HOST|PORT)|HTTP_(HOST|PORT)|DATABASE_(URL|SCHEMA|POOL_SIZE)|NATS_(SERVERS|CREDS|REPLICAS)|OBJECTS_\w+|TLS_\w+|SCHEDULER_TARGET|BOOTSTRAP_KEY|WEB_ROOT|RELAY_\w+|RECIPES_\w+|FLEET_(KIND|STOP_PODS_ON_EXIT|KUBERNETES_(NAMESPACE|SERVICE_ACCOUNT|AGENT_IMAGE|CLASSES|QUEUE|NETWORK_GATE|OPEN_DNS|USER_NAMESPACES|KUBECONFIG))|WORK_FOLDER|ENDPOINTS|GENESIS_HASH|NETUID|MODE|HOTKEY)$/;
/** Of the scheduler: what only processes on one machine need. */
const localFleet = /^SCHEDULER_FLEET_(DIR|CACHE_DIR|PYTHON|NODE|AGENT|CLASSES)$/;

const jsonTypes: Readonly<Record<string, readonly string[]>> = {
  number: ["number"],
  int: ["integer"],
  bigint: ["integer", "string"],
  boolean: ["boolean"],
  array: ["array", "string"],
  record: ["object"],
};

/** JSON schema of the values: maps refuse unknown keys, unless their comment says otherwise. */
export function valuesSchema(nodes: readonly ValueNode[]): Schema {
  const defaults = nodes.find(({ key }) => key === "defaults");
  if (!defaults) throw new Error("values.yaml has no defaults");
  const properties = nodes.map((node) => {
    return [node.key, node.service === undefined ? schemaOf(node) : serviceSchema(node, defaults)] as const;
  });
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Values of the chart gradients",
    type: "object",
    additionalProperties: false,
    // Helm hands the global values of a parent chart down to it.
    properties: { global: { type: "object" }, ...Object.fromEntries(properties) },
    $defs: definitions,
  };
}

/** Variables that `config` may set: all of the service's but those that the chart sets itself. */
function settableVariables(service: ServiceName): readonly ServiceVariable[] {
  return serviceVariables(service).filter(({ name }) => !chartSets.test(name) && !localFleet.test(name));
}

function serviceSchema(node: ValueNode, defaults: ValueNode): Schema {
  const merged = new Map(defaults.children.map((child) => [child.key, schemaOf(child)]));
  for (const child of node.children) merged.set(child.key, { ...merged.get(child.key), ...schemaOf(child) });
  merged.set("config", configSchema(node.service as ServiceName));
  return { ...closed(Object.fromEntries(merged)), ...about(node) };
}

function configSchema(service: ServiceName): Schema {
  const properties = settableVariables(service).map(({ name, type, description }) => {
    return [name, { type: jsonTypes[type] ?? ["string"], description }] as const;
  });
  return {
    ...closed(Object.fromEntries(properties)),
    description: `Variables of ${service} that the chart sets none of by itself.`,
  };
}

function schemaOf(node: ValueNode): Schema {
  const isMap = node.children.length > 0;
  const own = isMap
    ? closed(Object.fromEntries(node.children.map((child) => [child.key, schemaOf(child)])))
    : "$ref" in node.schema
      ? {}
      : { type: typeOf(node) };
  return { ...own, ...node.schema, ...about(node) };
}

function typeOf({ key, value }: ValueNode): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return "integer";
  if (typeof value === "string" || typeof value === "boolean") return typeof value;
  if (value === null) return "null";
  throw new Error(`values.yaml, ${key}: an empty map needs a schema`);
}

function closed(properties: Readonly<Record<string, Schema>>): Schema {
  return { type: "object", additionalProperties: false, properties };
}

function about({ description }: ValueNode): Schema {
  return description ? { description } : {};
}

const strings = { type: "object", additionalProperties: { type: "string" } };
/** As templates can count with it; whether there is such a network, Kubernetes tells. */
const network = {
  type: "string",
  pattern: "^(\\d{1,3}(\\.\\d{1,3}){3}/\\d{1,2}|[0-9a-fA-F:]+:[0-9a-fA-F:]*/\\d{1,3})$",
};
const quantity = { type: ["string", "number"] };

const definitions: Readonly<Record<string, Schema>> = {
  strings,
  free: { type: "object" },
  list: { type: "array", items: { type: "object" } },
  network,
  peers: {
    type: "array",
    items: closed({
      ipBlock: {
        ...closed({ cidr: network, except: { type: "array", items: network } }),
        required: ["cidr"],
      },
      namespaceSelector: { type: "object" },
      podSelector: { type: "object" },
    }),
  },
  hardwareClass: {
    ...closed({
      name: { type: "string", pattern: "^[a-z0-9][a-z0-9-]{0,62}$" },
      description: { type: "string" },
      slots: { type: "integer", minimum: 1 },
      threadsPerSlot: { type: "integer", minimum: 1 },
      image: { type: "string" },
      contestantImage: { type: "string" },
      nodeSelector: strings,
      tolerations: { type: "array", items: { type: "object" } },
      resources: {
        ...closed({
          cpu: quantity,
          memory: quantity,
          ephemeralStorage: quantity,
          gpu: closed({ name: { type: "string" }, count: { type: "integer", minimum: 1 } }),
          claim: { type: "string" },
        }),
        required: ["cpu", "memory", "ephemeralStorage"],
      },
      runtimeClassName: { type: "string" },
      shmSize: quantity,
      workSize: quantity,
      tmpSize: quantity,
    }),
    required: ["name", "description", "slots", "threadsPerSlot", "resources"],
  },
};
