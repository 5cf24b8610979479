import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ProgressPointSchema } from "@gradients/contracts/event";
import { z } from "zod";

/** A figure that was not finite comes as null. */
const figure = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);
const count = z
  .number()
  .min(0)
  .max(Number.MAX_SAFE_INTEGER)
  .transform((value) => BigInt(Math.trunc(value)));
const seconds = z.number().min(0);
/** Cut to what the relay takes. */
const text = (length: number) => z.string().transform((value) => value.slice(0, length));
const name = text(64);
/** What an engine may say of itself. Other codes are the platform's words. */
const errorCode = z
  .enum([
    "SPEC_INVALID",
    "DATA_INVALID",
    "MODEL_UNLOADABLE",
    "ARTIFACT_UNSAFE",
    "ARTIFACT_UNLOADABLE",
    "NONFINITE",
    "OUT_OF_MEMORY",
    "INTERNAL",
  ])
  .catch("INTERNAL");

const progress = z.object({
  type: z.literal("progress"),
  step: count,
  total_steps: count.nullable(),
  examples: count.default(0n),
  tokens: count.default(0n),
  loss: figure.default(0),
  learning_rate: figure.default(0),
  grad_norm: figure.default(0),
  tokens_per_second: figure.default(0),
  train_seconds: figure.default(0),
  eta_seconds: figure.default(0),
});

const trained = z.object({
  type: z.literal("result"),
  kind: z.literal("train"),
  steps: count,
  examples: count,
  tokens: count,
  train_seconds: seconds,
  final_loss: figure,
  trainable_parameters: count,
  peak_memory_bytes: count,
  rows_without_completion: count,
  engine_version: name,
  device: name,
});

const evaluated = z.object({
  type: z.literal("result"),
  kind: z.literal("evaluate"),
  checks: z.object({
    loads: z.boolean(),
    finite: z.boolean(),
    changed: z.boolean(),
    safetensors_only: z.boolean(),
    update_norm: figure,
  }),
  weights_sha256: z.string().regex(/^[0-9a-f]{64}$/),
  engine_version: name,
  device: name.default("cpu"),
});

const engineEvent = z.discriminatedUnion("type", [
  z.object({ type: z.literal("phase"), phase: z.string().max(32) }),
  progress,
  z.object({ type: z.literal("checkpoint"), dir: z.string(), step: count, train_seconds: seconds }),
  z.discriminatedUnion("kind", [trained, evaluated]),
  z.object({ type: z.literal("error"), code: errorCode, message: text(2_000) }),
]);

/** The last line on a socket: a process has an exit code instead. */
const exit = z.object({ type: z.literal("exit"), code: z.int().min(0).max(255) });

const engineMessage = z.union([engineEvent, exit]);

export type EngineEvent = z.infer<typeof engineEvent>;
export type EngineMessage = z.infer<typeof engineMessage>;
export type EngineResult = Extract<EngineEvent, { type: "result" }>;
export type CheckpointEvent = Extract<EngineEvent, { type: "checkpoint" }>;

/** One line of the engine's protocol. Throws when it is none. */
export function parseEngineMessage(line: string): EngineMessage {
  return engineMessage.parse(JSON.parse(line));
}

export function toPoint(
  event: Extract<EngineEvent, { type: "progress" }>,
): MessageInitShape<typeof ProgressPointSchema> {
  return {
    step: event.step,
    totalSteps: event.total_steps ?? 0n,
    tokens: event.tokens,
    examples: event.examples,
    loss: event.loss,
    learningRate: event.learning_rate,
    gradNorm: event.grad_norm,
    tokensPerSecond: event.tokens_per_second,
    trainSeconds: event.train_seconds,
    etaSeconds: event.eta_seconds,
  };
}
