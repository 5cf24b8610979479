import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ProgressPointSchema } from "@gradients/contracts/event";
import { z } from "zod";

/** A figure that was not finite comes as null. */
const figure = z
  .number()
  .nullable()
  .transform((value) => value ?? Number.NaN);
const count = z.number().transform((value) => BigInt(Math.trunc(value)));

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
  train_seconds: z.number(),
  final_loss: figure,
  trainable_parameters: count,
  peak_memory_bytes: count,
  rows_without_completion: count,
  engine_version: z.string(),
  device: z.string(),
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
  weights_sha256: z.string(),
  engine_version: z.string(),
  device: z.string().default("cpu"),
});

const engineEvent = z.discriminatedUnion("type", [
  z.object({ type: z.literal("phase"), phase: z.string().max(32) }),
  progress,
  z.object({ type: z.literal("checkpoint"), dir: z.string(), step: count, train_seconds: z.number() }),
  z.discriminatedUnion("kind", [trained, evaluated]),
  z.object({ type: z.literal("error"), code: z.string(), message: z.string() }),
]);

export type EngineEvent = z.infer<typeof engineEvent>;
export type EngineResult = Extract<EngineEvent, { type: "result" }>;
export type CheckpointEvent = Extract<EngineEvent, { type: "checkpoint" }>;

/** One line of the engine's protocol. Throws when it is none. */
export function parseEngineEvent(line: string): EngineEvent {
  return engineEvent.parse(JSON.parse(line));
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
