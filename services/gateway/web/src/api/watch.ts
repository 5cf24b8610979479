import type { WatchJobResponseJson } from "@gradients/contracts/gateway";
import { authorization } from "./client.ts";
import { problemOf } from "./problem.ts";

/** Payments still come after the end of a job, soon on some chains and hours later on others: each look that brings nothing new doubles the pause. */
const AFTER_END_MS = { first: 2_000, longest: 60_000 };
const RETRY_MS = [500, 1_000, 2_000, 5_000];

export interface WatchHandlers {
  readonly onEvent: (event: WatchJobResponseJson) => void;
  readonly onConnection: (live: boolean) => void;
}

/**
 * Follows a job's events from the beginning, over server-sent events; after a lost connection it goes on from the
 * last offset, so nothing is missed or shown twice. Once the job has ended it looks again from time to time. Ends when the signal aborts.
 */
export async function watchJob(
  name: string,
  { onEvent, onConnection }: WatchHandlers,
  signal: AbortSignal,
): Promise<void> {
  let offset = "0";
  let pauseAfterEnd = AFTER_END_MS.first;
  for (let failures = 0; !signal.aborted; failures += 1) {
    let hasEnded = false;
    try {
      for await (const event of eventsAfter(name, offset, signal)) {
        failures = 0;
        onConnection(true);
        if (event.offset !== undefined && event.offset !== "0") {
          offset = event.offset;
          pauseAfterEnd = AFTER_END_MS.first;
        }
        if (event.endOfWatch !== undefined) hasEnded = true;
        onEvent(event);
      }
    } catch {
      // The next round tries again from the last offset.
    }
    onConnection(hasEnded);
    const retry = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)] ?? 5_000;
    await pause(hasEnded ? pauseAfterEnd : retry, signal);
    if (hasEnded) pauseAfterEnd = Math.min(pauseAfterEnd * 2, AFTER_END_MS.longest);
  }
}

async function* eventsAfter(
  name: string,
  offset: string,
  signal: AbortSignal,
): AsyncIterable<WatchJobResponseJson> {
  const response = await fetch(`/v1/${name}:watch`, {
    headers: { ...authorization(), "last-event-id": offset },
    signal,
  });
  if (!response.ok || response.body === null) throw await problemOf(response);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    buffer += chunk.value;
    const blocks = buffer.split("\n\n");
    buffer = blocks.pop() ?? "";
    for (const block of blocks) {
      const data = dataOf(block);
      if (data !== "") yield JSON.parse(data) as WatchJobResponseJson;
    }
  }
}

function dataOf(block: string): string {
  const lines = block.split("\n").filter((line) => line.startsWith("data:"));
  return lines.map((line) => line.slice(5).trimStart()).join("\n");
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
