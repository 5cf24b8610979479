import type { MessageInitShape } from "@bufbuild/protobuf";
import type { FinishRequestSchema } from "@gradients/contracts/trainer";
import { FileChanged, ObjectError } from "@gradients/objects";
import { RpcError } from "@gradients/rpc";
import type { EngineEvent } from "./engine-events.ts";
import type { EngineEnd } from "./engine-runner.ts";
import { type HaltCause, Halted } from "./halt.ts";
import { UnsafeFile } from "./work-folder.ts";

/** What the relay is told at the end. */
export type Outcome = NonNullable<MessageInitShape<typeof FinishRequestSchema>["outcome"]>;

export type EngineError = Extract<EngineEvent, { type: "error" }>;

/** The engine's code for a fault of its own: another try may go well. All its other codes would come again. */
const INTERNAL = "INTERNAL";
export const EXIT_STOPPED = 75;
const EXIT_OUT_OF_MEMORY = 137;

/** No engine came to its socket. */
export class EngineMissing extends Error {
  override readonly name = "EngineMissing";

  constructor(seconds: number) {
    super(`no training program came within ${seconds} s`);
  }
}

function failed(code: string, message: string): Outcome {
  return { case: "failed", value: { code, message } };
}

function interrupted(cause: string): Outcome {
  return { case: "interrupted", value: { cause } };
}

function stopped(): Outcome {
  return { case: "interrupted", value: { cause: "SIGTERM: the machine was taken away", stopped: true } };
}

/** Why an engine that brought no result ended. */
export function outcomeOfEngine(
  end: EngineEnd,
  error: EngineError | undefined,
  halt: HaltCause | undefined,
): Outcome {
  if (halt === "sigterm") return stopped();
  if (error && error.code !== INTERNAL) return failed(error.code, error.message);
  if (end.exitCode === EXIT_OUT_OF_MEMORY) return failed("OUT_OF_MEMORY", "");
  return interrupted(
    `ENGINE_CRASHED: ${howItEnded(end)}; ${error?.message ?? end.lastLines.at(-1) ?? "no last words"}`,
  );
}

/** A kill that did not come from us is mostly the operating system running out of memory. */
function howItEnded({ exitCode, signal }: EngineEnd): string {
  if (signal === "SIGKILL") return "the training process was killed, most likely for lack of memory";
  if (signal) return `the training process ended by ${signal}`;
  return exitCode === null
    ? "the training program went away without a word"
    : `the training process ended with exit code ${exitCode}`;
}

/** What an error means for the attempt; undefined when it is no longer ours to report on. */
export function outcomeOfError(error: unknown): Outcome | undefined {
  if (error instanceof Halted) return outcomeOfHalt(error.halt);
  if (error instanceof RpcError && error.reason === "FILE_NOT_ALLOWED")
    return failed("ARTIFACT_UNSAFE", error.message);
  if (error instanceof RpcError && error.reason === "FILE_TOO_LARGE") return failed(INTERNAL, error.message);
  if (error instanceof UnsafeFile || error instanceof FileChanged)
    return failed("ARTIFACT_UNSAFE", error.message);
  if (error instanceof EngineMissing) return interrupted(`ENGINE_MISSING: ${error.message}`);
  if (error instanceof ObjectError) return interrupted(`${error.code}: ${error.message}`);
  return interrupted(`AGENT_FAILED: ${error instanceof Error ? error.message : String(error)}`);
}

function outcomeOfHalt(halt: HaltCause): Outcome | undefined {
  switch (halt) {
    case "sigterm":
      return stopped();
    case "deadline":
      return failed("DEADLINE_EXCEEDED", "it was stopped at its deadline");
    case "stopped":
    case "fenced":
    case "relay_lost":
      return undefined;
  }
}
