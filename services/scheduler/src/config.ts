import { fileURLToPath } from "node:url";
import { streamBytes } from "@gradients/bus";
import { type Config, type ConfigSource, loadConfig as load, logLevels, secret } from "@gradients/runtime";
import { z } from "zod";
import { poolProblem } from "./domain/admission-rules.ts";
import { kubernetesSchema } from "./fleet/kubernetes/kubernetes-config.ts";

const port = z.int().min(0).max(65_535);
const seconds = z.number().positive();
const trainerFolder = fileURLToPath(new URL("../../trainer-gpu", import.meta.url));

const hardwareClass = z.object({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "lower-case letters, digits and dashes"),
  description: z.string(),
  slots: z.int().min(1),
  threadsPerSlot: z.int().min(1),
});

const accountRules = z.strictObject({
  priority: z.int().optional(),
  weight: z.number().positive().optional(),
  maxSlots: z.int().min(1).nullable().optional(),
});

const podEnvironment = z
  .record(z.string(), z.string())
  .default({})
  .describe("More variables for pods as a JSON object, for example OTEL_EXPORTER_OTLP_ENDPOINT.");

const pool = z.strictObject({
  units: z.int().min(1),
  classes: z.record(z.string(), z.int().min(1)),
});

/** Pods are processes on this machine. */
const localFleet = z.object({
  kind: z
    .literal("local")
    .optional()
    .transform(() => "local" as const)
    .describe("Where pods run: local (processes on this machine; the default) or kubernetes."),
  dir: z.string().describe("local: folder in which pods live; one scheduler per folder."),
  cacheDir: z.string().describe("local: folder in which base models are kept for all pods."),
  python: z.string().describe("local: Python interpreter that has the training engine's packages."),
  node: z.string().default(process.execPath).describe("local: Node.js that runs the agent."),
  agent: z.string().default(`${trainerFolder}/src/main.ts`).describe("local: the agent's program."),
  classes: z
    .array(hardwareClass)
    .min(1)
    .default([{ name: "local", description: "Processes on this machine", slots: 3, threadsPerSlot: 1 }])
    .describe("local: hardware classes as a JSON list of {name, description, slots, threadsPerSlot}."),
  stopPodsOnExit: z
    .boolean()
    .default(true)
    .describe(
      "False leaves pods running at an orderly stop, for the next process to find; on Kubernetes always so.",
    ),
  podEnvironment,
});

/** Pods are Jobs in a cluster. They outlive every scheduler. */
const kubernetesFleet = z.object({
  kind: z.literal("kubernetes"),
  stopPodsOnExit: z.literal(false).default(false),
  kubernetes: kubernetesSchema,
  podEnvironment,
});

const settings = z.object({
  logLevel: z.enum(logLevels).default("info").describe("Least severe log lines that are written."),
  grpc: z.object({
    host: z
      .string()
      .default("127.0.0.1")
      .describe("Address that the gRPC server for other services listens on."),
    port: port.default(50_052).describe("Port of the gRPC server; 0 takes a free one."),
  }),
  relay: z.object({
    host: z.string().default("127.0.0.1").describe("Address that the relay for pods listens on."),
    port: port.default(50_062).describe("Port of the relay; 0 takes a free one."),
    target: z.string().optional().describe("The relay as pods reach it; where it listens if unset."),
  }),
  database: z.object({
    url: secret(z.string().min(1)).describe(
      "postgres://role:password@host:port/database of the scheduler's own role.",
    ),
    schema: z.string().default("scheduler").describe("The scheduler's own Postgres schema."),
    poolSize: z.int().min(4).default(12).describe("Database connections at most."),
  }),
  invariants: z.object({
    everySeconds: z
      .number()
      .positive()
      .default(60)
      .describe("Between two checks of what must hold for the stored rows."),
    windowHours: z
      .number()
      .positive()
      .max(160)
      .default(24)
      .describe("How far back such a check looks at what is over; less than events are kept for."),
  }),
  nats: z.object({
    servers: z.array(z.string().min(1)).min(1).describe("NATS servers as host:port, separated by commas."),
    creds: secret(z.string()).optional().describe("Text of a NATS .creds file."),
    replicas: z.int().min(1).default(1).describe("Copies of each stream; 3 in a cluster."),
    maxBytes: streamBytes,
  }),
  objects: z.object({
    endpoint: z.url().describe("S3 server as the scheduler reaches it."),
    publicEndpoint: z.url().optional().describe("The same server as pods reach it; the endpoint if unset."),
    region: z.string().default("us-east-1").describe("S3 region."),
    bucket: z.string().default("gradients").describe("S3 bucket."),
    accessKeyId: z.string().describe("S3 access key id."),
    secretAccessKey: secret(z.string()).describe("S3 secret access key."),
  }),
  recipes: z.object({
    file: z.string().optional().describe("JSON file with the recipe catalogue; the built-in one if unset."),
    contestantHotkeys: z
      .array(z.string().regex(/^[1-9A-HJ-NP-Za-km-z]{46,49}$/, "not an SS58 address"))
      .min(1)
      .describe(
        "SS58 hotkeys, separated by commas: the recipe at place n is owned by the hotkey at place n.",
      ),
    imageRegistries: z
      .array(
        z
          .string()
          .regex(/^[a-z0-9.-]+(:\d+)?(\/[a-z0-9._-]+)*$/, "not a registry, nor a repository below one"),
      )
      .default([])
      .describe(
        "Registries, or repositories below them, that the images of recipes may come from, separated by commas: registry.example.com/contestants. None by default; on Kubernetes only.",
      ),
  }),
  fleet: z.discriminatedUnion("kind", [localFleet, kubernetesFleet]),
  admission: z.object({
    accounts: z
      .record(z.string(), accountRules)
      .default({})
      .describe(
        "Rules of single accounts as a JSON object {account id: {priority, weight, maxSlots}}; what is absent is the common value.",
      ),
    priority: z.int().default(0).describe("Work of accounts with a higher one goes first, always."),
    weight: z
      .number()
      .positive()
      .default(1)
      .describe("Of two accounts that both wait, one of twice the weight gets twice the slots."),
    maxSlots: z
      .int()
      .min(1)
      .optional()
      .describe(
        "Slots of one hardware class that an account may hold at a time; as many as there are if unset.",
      ),
    pools: z
      .record(z.string(), pool)
      .default({})
      .describe(
        "Hardware classes that share machines as a JSON object {pool: {units, classes: {class: units of one slot}}}; a class in none has its slots to itself.",
      ),
    patienceSeconds: seconds
      .default(3_600)
      .describe("What has waited longer goes before everything of its priority, whatever its account holds."),
  }),
  attempts: z.object({
    leaseSeconds: seconds
      .default(10)
      .describe("A running attempt whose agent is silent for that long is lost."),
    placingLeaseSeconds: seconds.default(60).describe("From placing a pod to its agent's first call."),
    maxRetries: z
      .int()
      .min(0)
      .max(20)
      .default(3)
      .describe("How often an attempt is placed anew after a loss."),
    retryDelaysSeconds: z
      .array(z.number().min(0))
      .default([0, 2, 10])
      .describe("Pause before the first, second, ... retry; the last one holds for the rest."),
    startupSeconds: seconds.default(300).describe("From the assignment to the first training step."),
    finishSeconds: seconds.default(300).describe("From the end of the budget to the finished upload."),
    evaluationSeconds: seconds.default(3_600).describe("For a whole evaluation."),
    checkpointSeconds: seconds.default(60).describe("Pause between two checkpoints of a training."),
    stopGraceSeconds: seconds.default(30).describe("From asking a pod to stop to killing it."),
    pollSeconds: seconds.default(1).describe("Longest pause between two passes of the control loop."),
  }),
  uploads: z.object({
    maxFileBytes: z.int().min(1).default(200_000_000_000).describe("Largest file that an agent may upload."),
    urlSeconds: z.int().min(60).max(604_800).default(3_600).describe("How long a presigned URL works."),
  }),
});

const schema = settings.superRefine(({ fleet, admission }, context) => {
  const classes = fleet.kind === "local" ? fleet.classes : fleet.kubernetes.classes;
  const message = poolProblem(
    admission,
    classes.map(({ name }) => name),
  );
  if (message !== undefined) context.addIssue({ code: "custom", path: ["admission", "pools"], message });
});

export type SchedulerConfig = Config<typeof schema>;

export function loadConfig({ env, argv }: ConfigSource): SchedulerConfig {
  return load({ service: "scheduler", schema, env, argv });
}
