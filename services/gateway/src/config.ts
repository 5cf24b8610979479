import { streamBytes } from "@gradients/bus";
import { type Config, type ConfigSource, loadConfig as load, logLevels, secret } from "@gradients/runtime";
import { z } from "zod";
import { API_KEY_PATTERN } from "./domain/api-key.ts";

const port = z.int().min(0).max(65_535);

const schema = z.object({
  logLevel: z.enum(logLevels).default("info").describe("Least severe log lines that are written."),
  grpc: z.object({
    host: z.string().default("127.0.0.1").describe("Address that the gRPC server listens on."),
    port: port.default(50_051).describe("Port of the gRPC server; 0 takes a free one."),
  }),
  http: z.object({
    host: z
      .string()
      .default("127.0.0.1")
      .describe("Address that the HTTP server (REST, web page) listens on."),
    port: port.default(8_080).describe("Port of the HTTP server; 0 takes a free one."),
    corsOrigins: z
      .array(z.string())
      .default([])
      .describe("Origins whose pages may call the REST API, separated by commas; none by default."),
  }),
  tls: z
    .object({
      certificate: secret(z.string().min(1)).describe(
        "PEM certificate chain of this server; with it gRPC and HTTP are served over TLS only.",
      ),
      key: secret(z.string().min(1)).describe("PEM private key of that certificate."),
    })
    .optional(),
  rateLimit: z.object({
    perSecond: z
      .number()
      .positive()
      .default(500)
      .describe("Calls per second that one API key may make in the long run, counted by each replica."),
    burst: z
      .number()
      .min(1)
      .default(2_000)
      .describe("Calls that one API key may make at once after a pause."),
  }),
  database: z.object({
    url: secret(z.string().min(1)).describe(
      "postgres://role:password@host:port/database of the gateway's own role.",
    ),
    schema: z.string().default("gateway").describe("The gateway's own Postgres schema."),
    poolSize: z.int().min(2).default(10).describe("Database connections at most."),
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
    endpoint: z.url().describe("S3 server as the gateway reaches it."),
    publicEndpoint: z
      .url()
      .optional()
      .describe("The same server as downloading customers reach it; the endpoint if unset."),
    region: z.string().default("us-east-1").describe("S3 region."),
    bucket: z.string().default("gradients").describe("S3 bucket."),
    accessKeyId: z.string().describe("S3 access key id."),
    secretAccessKey: secret(z.string()).describe("S3 secret access key."),
  }),
  scheduler: z.object({
    target: z.string().describe("gRPC target of the scheduler, for example dns:///scheduler:50052."),
  }),
  uploads: z.object({
    maxBytes: z.int().min(1).default(50_000_000_000).describe("Largest data set in bytes."),
    timeoutSeconds: z
      .int()
      .min(1)
      .default(6 * 3600)
      .describe("An upload that takes longer is given up and removed."),
  }),
  jobs: z.object({
    defaultBudgetSeconds: z
      .int()
      .min(1)
      .default(60)
      .describe("Training time of each attempt when the job names none."),
    minBudgetSeconds: z.int().min(1).default(5).describe("Shortest training time that is accepted."),
    maxBudgetSeconds: z.int().min(1).default(604_800).describe("Longest training time that is accepted."),
    defaultHardwareClass: z
      .string()
      .optional()
      .describe("Hardware class when the job names none; the scheduler's first one if unset."),
    minUsableRows: z
      .int()
      .min(2)
      .default(64)
      .describe(
        "Fewest usable rows of a data set that a job is accepted for; no fewer than the scorer wants for a split.",
      ),
    deadlineSeconds: z
      .int()
      .min(60)
      .default(24 * 3600)
      .describe("A job without a verdict by then, on top of its training time, is ended as failed."),
  }),
  downloadSeconds: z.int().min(60).max(604_800).default(3600).describe("How long a download link is valid."),
  sampleDataset: z
    .string()
    .optional()
    .describe(
      "Path of the sample data set's file; the attribution of sample.jsonl stands beside it in sample.LICENSE.txt.",
    ),
  webRoot: z.string().optional().describe("Folder of the built web page; without it only the API is served."),
  bootstrapKey: secret(
    z.string().regex(API_KEY_PATTERN, "must look like grd_<10 hex digits>_<64 hex digits>"),
  )
    .optional()
    .describe("API key that is created at the start, with a project of its own, unless it exists."),
});

export type GatewayConfig = Config<typeof schema>;

export function loadConfig({ env, argv }: ConfigSource): GatewayConfig {
  return load({ service: "gateway", schema, env, argv });
}
