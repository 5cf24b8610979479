import { setTimeout as sleep } from "node:timers/promises";
import {
  type GatewayService,
  type Job,
  Job_State,
  type WatchJobResponse,
} from "@gradients/contracts/gateway";
import type { RpcClient } from "@gradients/rpc";

export interface FollowOptions {
  readonly gateway: RpcClient<typeof GatewayService>;
  readonly name: string;
  /** An entry of the history about the watch. */
  readonly note: (type: "invoke" | "ok" | "fail" | "info", value: unknown) => void;
  readonly mayRetry: (error: unknown) => boolean;
  readonly signal: AbortSignal;
}

/** Follows a job's log until the stream says that it is over, and goes on behind the last entry whenever the stream breaks. */
export async function followJob(options: FollowOptions): Promise<void> {
  const { note, mayRetry, signal } = options;
  const position = { after: 0n };
  while (!signal.aborted) {
    note("invoke", { after: String(position.after) });
    try {
      if (await readStream(options, position)) return;
    } catch (error) {
      if (signal.aborted) return;
      note(mayRetry(error) ? "info" : "fail", String(error));
      if (!mayRetry(error)) throw error;
    }
    await sleep(200);
  }
}

/** True when the stream said that nothing more will come. */
async function readStream(
  { gateway, name, note, signal }: FollowOptions,
  position: { after: bigint },
): Promise<boolean> {
  for await (const entry of gateway.watchJob({ name, afterOffset: position.after }, { signal })) {
    if (entry.event.case === "endOfWatch") return true;
    if (entry.offset === 0n) continue; // a mark, not part of the log
    note("ok", valueOf(entry));
    position.after = entry.offset;
  }
  return false;
}

function valueOf({ offset, event }: WatchJobResponse) {
  return { offset: String(offset), ...(event.case === "job" && stateOf(event.value)) };
}

function stateOf({ state, verdict }: Job) {
  return { state: Job_State[state], ...(verdict && { winner: verdict.winnerAttemptId }) };
}
