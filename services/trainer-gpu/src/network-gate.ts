import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * Runs in a pod before anything else. A network that enforces policies takes a moment to close a pod that is new, and an engine would use it. Ends as soon as
 * the API server, which no pod of ours may reach, is out of reach. Where nobody closes the network it does not end, and no engine starts.
 */
const host = process.env["KUBERNETES_SERVICE_HOST"] ?? "";
const port = Number(process.env["KUBERNETES_SERVICE_PORT"] ?? 443);
/** Time for a packet that was lost to be sent once more. */
const TIMEOUT_MS = 2_000;
const PAUSE_MS = 100;

while (await isReached()) await sleep(PAUSE_MS);

function isReached(): Promise<boolean> {
  const socket = connect({ host, port, timeout: TIMEOUT_MS });
  const answer = Promise.withResolvers<boolean>();
  socket.once("connect", () => answer.resolve(true));
  socket.once("timeout", () => answer.resolve(false));
  socket.once("error", () => answer.resolve(false));
  return answer.promise.finally(() => socket.destroy());
}
