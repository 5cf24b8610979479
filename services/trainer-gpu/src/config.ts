import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Config,
  ConfigExit,
  type ConfigSource,
  loadConfig as load,
  logLevels,
  secret,
} from "@gradients/runtime";
import { z } from "zod";

const schema = z.object({
  logLevel: z.enum(logLevels).default("info").describe("Least severe log lines that are written."),
  relayTarget: z.string().min(1).describe("host:port of the scheduler's relay."),
  attemptToken: secret(z.string().min(1)).describe("Bearer token of this placement."),
  epoch: z.int().min(0).describe("Epoch that the attempt was placed with."),
  scratchDir: z.string().min(1).describe("Folder for everything that ends with the pod."),
  cacheDir: z.string().min(1).describe("Folder for base models, shared by the pods of a node."),
  workDir: z
    .string()
    .optional()
    .describe(
      "Folder that is shared with the engine; if unset, `work` in the scratch folder, or `attempt` beside the socket's folder.",
    ),
  python: z
    .string()
    .min(1)
    .optional()
    .describe("Python interpreter that has the engine's packages; required without an engine socket."),
  engineDir: z
    .string()
    .default(fileURLToPath(new URL("../engine", import.meta.url)))
    .describe("Folder that holds the package gradients_engine."),
  engineSocket: z
    .string()
    .max(100)
    .optional()
    .describe("Unix socket to which an engine in a container beside this one comes; unset: a child process."),
  engineConnectSeconds: z
    .number()
    .positive()
    .default(120)
    .describe("For that engine to come, counted from when its inputs are there."),
  maxOutputBytes: z
    .int()
    .min(1)
    .optional()
    .describe("What the engine may deliver at a time; unset: as much as its files say."),
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

type Options = Config<typeof schema>;

export type TrainerConfig = Omit<Options, "workDir" | "python" | "engineSocket"> & {
  readonly workDir: string;
  readonly engine: { readonly python: string } | { readonly socket: string };
  /** For the engine: what the node has set (drivers, devices), without anything that is ours. */
  readonly engineEnvironment: Readonly<Record<string, string>>;
};

const SERVICE = "trainer-gpu";
const EX_CONFIG = 78;

export function loadConfig({ env, argv }: ConfigSource): TrainerConfig {
  const own = Object.entries(env).filter(
    ([name]) => !["TRAINER_GPU_", "GRADIENTS_", "OTEL_"].some((prefix) => name.startsWith(prefix)),
  );
  const engineEnvironment = Object.fromEntries(
    own.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
  const { workDir, python, engineSocket, ...rest } = load({ service: SERVICE, schema, env, argv });
  const engine = engineOf(engineSocket, python);
  const shared =
    "socket" in engine ? join(dirname(engine.socket), "../attempt") : join(rest.scratchDir, "work");
  return { ...rest, engine, workDir: resolve(workDir ?? shared), engineEnvironment };
}

function engineOf(socket: string | undefined, python: string | undefined): TrainerConfig["engine"] {
  if (socket !== undefined) return { socket };
  if (python !== undefined) return { python };
  throw new ConfigExit(
    "The configuration of trainer-gpu has 1 problem(s):\n  TRAINER_GPU_PYTHON or TRAINER_GPU_ENGINE_SOCKET: one of them is required\n--help lists all variables.",
    EX_CONFIG,
  );
}
