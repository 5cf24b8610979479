import { streamBytes } from "@gradients/bus";
import { type Config, type ConfigSource, loadConfig as load, logLevels, secret } from "@gradients/runtime";
import { z } from "zod";

const HASH = /^0x[0-9a-f]{64}$/;

const schema = z
  .object({
    logLevel: z.enum(logLevels).default("info").describe("Least severe log lines that are written."),
    grpc: z.object({
      host: z.string().default("127.0.0.1").describe("Address that the gRPC server listens on."),
      port: z
        .int()
        .min(0)
        .max(65_535)
        .default(50_054)
        .describe("Port of the gRPC server; 0 takes a free one."),
    }),
    database: z.object({
      url: secret(z.string().min(1)).describe(
        "postgres://role:password@host:port/database of chain-bridge's own role.",
      ),
      schema: z.string().default("chain_bridge").describe("Chain-bridge's own Postgres schema."),
      poolSize: z.int().min(2).default(6).describe("Database connections at most."),
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
    endpoints: z
      .array(z.string().regex(/^wss?:\/\//, "must begin with ws:// or wss://"))
      .min(1)
      .describe("WebSocket endpoints of nodes, in the order in which they are tried."),
    genesisHash: z
      .string()
      .regex(HASH, "must be 0x and 64 hex digits")
      .optional()
      .describe(
        "The chain's genesis hash; endpoints that serve another chain are refused. Set it for any chain of value.",
      ),
    netuid: z.int().min(0).max(4095).default(56).describe("The subnet."),
    mecid: z.int().min(0).max(15).default(0).describe("The subnet's mechanism that weights are set for."),
    mode: z
      .enum(["active", "read-only"])
      .default("active")
      .describe("read-only never signs: rewards are booked, weights stay as they are."),
    hotkey: secret(z.string().min(1))
      .optional()
      .describe(
        "Secret URI (mnemonic or 0x seed) of the validator's hotkey, needed in active mode. Never a coldkey.",
      ),
    versionKey: z
      .int()
      .min(0)
      .default(61_000)
      .describe("Weights version that the subnet's owner may ask a minimum of."),
    eraBlocks: z
      .int()
      .min(4)
      .max(4096)
      .default(32)
      .refine((blocks) => Number.isInteger(Math.log2(blocks)), "must be a power of two")
      .describe("Blocks for which a signed weight vector stays valid."),
    windowHours: z
      .number()
      .positive()
      .default(168)
      .describe("Verdicts of the last hours count towards the weights."),
    startBlock: z
      .int()
      .min(0)
      .optional()
      .describe(
        "First block whose rewards are booked when a chain is new here; the finalized head if unset.",
      ),
    staleSeconds: z
      .int()
      .min(5)
      .default(60)
      .describe("A node without a new head for so long is left for the next endpoint."),
  })
  .refine(({ mode, hotkey }) => mode === "read-only" || hotkey !== undefined, {
    path: ["hotkey"],
    message: "needed in active mode; set it, or set the mode to read-only",
  });

export type ChainBridgeConfig = Config<typeof schema>;

export function loadConfig({ env, argv }: ConfigSource): ChainBridgeConfig {
  return load({ service: "chain-bridge", schema, env, argv });
}
