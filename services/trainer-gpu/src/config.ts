import { fileURLToPath } from "node:url";
import { type Config, type ConfigSource, loadConfig as load, logLevels, secret } from "@gradients/runtime";
import { z } from "zod";

const schema = z.object({
  logLevel: z.enum(logLevels).default("info").describe("Least severe log lines that are written."),
  relayTarget: z.string().min(1).describe("host:port of the scheduler's relay."),
  attemptToken: secret(z.string().min(1)).describe("Bearer token of this placement."),
  epoch: z.int().min(0).describe("Epoch that the attempt was placed with."),
  scratchDir: z.string().min(1).describe("Folder for everything that ends with the pod."),
  cacheDir: z.string().min(1).describe("Folder for base models, shared by the pods of a node."),
  python: z.string().min(1).describe("Python interpreter that has the engine's packages."),
  engineDir: z
    .string()
    .default(fileURLToPath(new URL("../engine", import.meta.url)))
    .describe("Folder that holds the package gradients_engine."),
  threads: z.int().min(1).default(1).describe("Threads for the engine's mathematics."),
  traceparent: z.string().optional().describe("W3C trace context of the job."),
  stopSeconds: z
    .number()
    .positive()
    .default(30)
    .describe(
      "From SIGTERM to the end of the process: half of it for the engine to save, the rest to upload and report.",
    ),
  relayLostSeconds: z
    .number()
    .positive()
    .default(600)
    .describe("When the relay does not answer for that long, the work is given up."),
});

export type TrainerConfig = Config<typeof schema> & {
  /** For the engine: what the node has set (drivers, devices), without anything that is ours. */
  readonly engineEnvironment: Readonly<Record<string, string>>;
};

const SERVICE = "trainer-gpu";

export function loadConfig({ env, argv }: ConfigSource): TrainerConfig {
  const own = Object.entries(env).filter(
    ([name]) => !["TRAINER_GPU_", "GRADIENTS_", "OTEL_"].some((prefix) => name.startsWith(prefix)),
  );
  const engineEnvironment = Object.fromEntries(
    own.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  return { ...load({ service: SERVICE, schema, env, argv }), engineEnvironment };
}
