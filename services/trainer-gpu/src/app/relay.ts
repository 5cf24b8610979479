import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import {
  AttemptService,
  type BeginUploadRequestSchema,
  type BeginUploadResponse,
  type CommitCheckpointRequestSchema,
  type CompleteUploadRequestSchema,
  type CompleteUploadResponse,
  type GetAssignmentResponse,
  type ReportRequestSchema,
  type ReportResponse,
} from "@gradients/contracts/trainer";
import { type Clock, systemClock } from "@gradients/kernel";
import { createRpcClient, type RpcCode, RpcError } from "@gradients/rpc";
import { type Logger, withBackoff } from "@gradients/runtime";
import { Halted } from "./halt.ts";
import type { Outcome } from "./outcome.ts";

export interface RelayOptions {
  readonly target: string;
  readonly token: string;
  readonly epoch: number;
  readonly logger: Logger;
  /** Called once the relay says that this placement is over. */
  readonly onFenced: () => void;
  /** Called once nothing answered for `lostSeconds` without a break. */
  readonly onLost: () => void;
  readonly lostSeconds: number;
  readonly clock?: Clock;
}

/** The relay for one placement: adds the epoch, and waits when the relay is away. Every call but `report` is tried again. */
export interface Relay {
  getAssignment(signal: AbortSignal): Promise<GetAssignmentResponse>;
  /** Tried once: the next report brings the same figures. */
  report(request: Body<typeof ReportRequestSchema>, signal: AbortSignal): Promise<ReportResponse>;
  beginUpload(
    request: Body<typeof BeginUploadRequestSchema>,
    signal: AbortSignal,
  ): Promise<BeginUploadResponse>;
  completeUpload(
    request: Body<typeof CompleteUploadRequestSchema>,
    signal: AbortSignal,
  ): Promise<CompleteUploadResponse>;
  commitCheckpoint(request: Body<typeof CommitCheckpointRequestSchema>, signal: AbortSignal): Promise<void>;
  finish(outcome: Outcome, signal: AbortSignal): Promise<void>;
  close(): void;
}

type Body<S extends DescMessage> = Omit<MessageInitShape<S>, "epoch" | "$typeName">;

/** Passing troubles of the network or of the scheduler. Anything else is an answer. */
const passing: ReadonlySet<RpcCode> = new Set([
  "UNAVAILABLE",
  "DEADLINE_EXCEEDED",
  "ABORTED",
  "INTERNAL",
  "UNKNOWN",
  "RESOURCE_EXHAUSTED",
]);
/** Nobody answered at all. */
const silent: ReadonlySet<RpcCode | "OK"> = new Set(["UNAVAILABLE", "DEADLINE_EXCEEDED"]);
const DEADLINE_MS = 10_000;

export function createRelay(options: RelayOptions): Relay {
  const { target, token, epoch, logger, onFenced } = options;
  const client = createRpcClient(AttemptService, { target, token, logger, defaultDeadlineMs: DEADLINE_MS });

  const silence = watchSilence(options);
  const once = async <R>(call: () => Promise<R>): Promise<R> => {
    try {
      const answer = await call();
      silence.heard("OK");
      return answer;
    } catch (error) {
      if (error instanceof RpcError) silence.heard(error.code);
      if (!isFencing(error)) throw error;
      onFenced();
      throw new Halted("fenced");
    }
  };
  const persistently = <R>(what: string, signal: AbortSignal, call: () => Promise<R>): Promise<R> => {
    const isRetryable = (error: unknown) => error instanceof RpcError && passing.has(error.code);
    return withBackoff({ what, logger, signal, initialMs: 200, maxMs: 4_000, isRetryable }, () => once(call));
  };

  return {
    getAssignment: (signal) =>
      persistently("get the assignment", signal, () => client.getAssignment({ epoch }, { signal })),
    report: (request, signal) =>
      once(() => client.report({ ...request, epoch }, { signal, deadlineMs: 4_000 })),
    beginUpload: (request, signal) =>
      persistently("begin an upload", signal, () => client.beginUpload({ ...request, epoch }, { signal })),
    completeUpload: (request, signal) =>
      persistently("complete an upload", signal, () =>
        client.completeUpload({ ...request, epoch }, { signal, deadlineMs: 60_000 }),
      ),
    commitCheckpoint: async (request, signal) => {
      await persistently("commit a checkpoint", signal, () =>
        client.commitCheckpoint({ ...request, epoch }, { signal }),
      );
    },
    finish: async (outcome, signal) => {
      await persistently("report the end", signal, () => client.finish({ epoch, outcome }, { signal }));
    },
    close: () => client.close(),
  };
}

/** Counts from the first call without an answer. */
function watchSilence({ onLost, lostSeconds, clock = systemClock }: RelayOptions) {
  let since: number | undefined;
  return {
    heard: (code: RpcCode | "OK") => {
      if (code === "CANCELLED") return; // by ourselves
      const now = clock.elapsedMs();
      since = silent.has(code) ? (since ?? now) : undefined;
      if (since !== undefined && now - since >= lostSeconds * 1000) onLost();
    },
  };
}

/** A later placement has the attempt, or a newer token was given out: either way this one is over. */
function isFencing(error: unknown): boolean {
  return error instanceof RpcError && (error.reason === "FENCED" || error.code === "UNAUTHENTICATED");
}
