import type { IncomingMessage } from "node:http";

const LINGER_MS = 5_000;

/**
 * Reads on, without keeping anything, what a client still sends of a refused request: closing at once would reset the connection before the client
 * has read why, and leaving the rest unread would block the next request on it. A client that goes on for longer is cut off.
 */
export function linger(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  const timer = setTimeout(() => request.socket.destroy(), LINGER_MS).unref();
  request.once("close", () => clearTimeout(timer)).once("end", () => clearTimeout(timer));
  request.unpipe();
  request.resume();
}
