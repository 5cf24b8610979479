import type { Client } from "pg";

/** Resolves once the connection has ended or the signal has aborted, whichever comes first. */
export function lostOrAborted(client: Client, signal: AbortSignal): Promise<"lost" | "aborted"> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve("aborted");
    const onEnd = () => settle("lost");
    const onAbort = () => settle("aborted");
    const settle = (outcome: "lost" | "aborted") => {
      client.off("end", onEnd);
      signal.removeEventListener("abort", onAbort);
      resolve(outcome);
    };
    client.once("end", onEnd);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
