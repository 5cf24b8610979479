import { streamBytes } from "@gradients/bus";
import { type Config, type ConfigSource, loadConfig as load, logLevels, secret } from "@gradients/runtime";
import { z } from "zod";

const schema = z.object({
  logLevel: z.enum(logLevels).default("info").describe("Least severe log lines that are written."),
  grpc: z.object({
    host: z.string().default("127.0.0.1").describe("Address that the gRPC server listens on."),
    port: z.int().min(0).max(65_535).default(50_053).describe("Port of the gRPC server; 0 takes a free one."),
  }),
  database: z.object({
    url: secret(z.string().min(1)).describe(
      "postgres://role:password@host:port/database of the scorer's own role.",
    ),
    schema: z.string().default("scorer").describe("The scorer's own Postgres schema."),
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
    endpoint: z.url().describe("S3 server as the scorer reaches it."),
    region: z.string().default("us-east-1").describe("S3 region."),
    bucket: z.string().default("gradients").describe("S3 bucket."),
    accessKeyId: z.string().describe("S3 access key id."),
    secretAccessKey: secret(z.string()).describe("S3 secret access key."),
  }),
  heldout: z
    .object({
      share: z
        .number()
        .gt(0)
        .lt(1)
        .default(0.1)
        .describe("Part of the rows that is held out, within the bounds below."),
      rowsMin: z
        .int()
        .min(8)
        .default(32)
        .describe("Fewest held-out rows; a data set that cannot spare them is refused."),
      rowsMax: z.int().min(8).default(400).describe("Most held-out rows."),
    })
    .refine(({ rowsMin, rowsMax }) => rowsMin <= rowsMax, {
      path: ["rowsMax"],
      error: "must not be less than rowsMin",
    }),
  trainRowsMin: z
    .int()
    .min(1)
    .default(32)
    .describe("Fewest training rows; a data set that leaves less is refused."),
  generateRows: z
    .int()
    .min(0)
    .default(16)
    .describe("Held-out rows for which answers are generated and compared."),
  maxNewTokens: z.int().min(1).default(128).describe("Longest generated answer, in tokens."),
  jobDeadlineSeconds: z
    .int()
    .min(60)
    .default(48 * 3600)
    .describe("For jobs that come without a deadline: they are ended as failed by then."),
  tasks: z.object({
    concurrency: z.int().min(1).default(2).describe("Splits and verdicts that run side by side."),
    leaseSeconds: z
      .int()
      .min(3)
      .default(30)
      .describe("After that long without a sign of life a task is taken over."),
    maxTries: z
      .int()
      .min(1)
      .default(8)
      .describe("A split or a verdict that failed, or killed its process, so often ends its job."),
  }),
  workFolder: z
    .string()
    .default("/tmp/gradients-scorer")
    .describe("Folder for data sets while they are split."),
});

export type ScorerConfig = Config<typeof schema>;

export function loadConfig({ env, argv }: ConfigSource): ScorerConfig {
  return load({ service: "scorer", schema, env, argv });
}
