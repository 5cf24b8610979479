import { failpoint } from "@gradients/kernel";
import type { Client } from "pg";
import type { Database } from "./database.ts";
import { lostOrAborted } from "./lost-or-aborted.ts";

/**
 * Waits for the lock `name` (one name space per schema), then runs `fn` while holding it on a connection of its own. The signal given to `fn` aborts
 * when the outer one does or when that connection, and so the lock, is lost. A second holder may run before `fn` has noticed: writes that must not
 * happen twice need a fence. Resolves without running `fn` when the signal aborts during the wait; rejects when the connection is lost.
 */
export async function withAdvisoryLock<T>(
  db: Database<T>,
  name: string,
  signal: AbortSignal,
  fn: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  if (signal.aborted) return;
  const client = await db.openClient(`lock ${name}`);
  try {
    const acquired = await acquire(client, `${db.schema}:${name}`, signal);
    if (acquired) await runWhileHeld(client, signal, fn);
  } finally {
    await client.end().catch(() => {}); // it may be dead already; ending it is what releases the lock
  }
}

/** False when the signal aborted first. */
async function acquire(client: Client, key: string, signal: AbortSignal): Promise<boolean> {
  const waiting = client.query("select pg_advisory_lock(hashtextextended($1, 0))", [key]);
  const ended = lostOrAborted(client, signal);
  const outcome = await Promise.race([waiting.then(() => "acquired" as const), ended]);
  if (outcome === "aborted") waiting.catch(() => {}); // the caller ends the connection under it
  if (outcome === "lost") await waiting;
  return outcome === "acquired";
}

async function runWhileHeld(
  client: Client,
  signal: AbortSignal,
  fn: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const lost = new AbortController();
  const onEnd = () => lost.abort(new Error("The connection that held the advisory lock is lost"));
  client.once("end", onEnd);
  try {
    failpoint("db.lock-acquired");
    await fn(AbortSignal.any([signal, lost.signal]));
    lost.signal.throwIfAborted();
  } finally {
    client.off("end", onEnd);
  }
}
