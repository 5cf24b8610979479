import { withAdvisoryLock } from "@gradients/db";
import { createWake, type Part, withBackoff } from "@gradients/runtime";
import type { Chain } from "../chain/chain.ts";
import type { Deps } from "../deps.ts";
import { pointsChannel } from "./award-job.ts";
import { ingestBlocks } from "./ingest-blocks.ts";
import { reconcileWeights } from "./reconcile-weights.ts";

/** Keeps a connection to the chain and, in one replica at a time, books its blocks and sets its weights. */
export function createChainPart(deps: Deps): Part {
  return { name: "chain", stopTimeoutMs: 15_000, run: (signal) => stayConnected(deps, signal) };
}

/** One endpoint after the other, for ever. */
async function stayConnected(deps: Deps, signal: AbortSignal): Promise<void> {
  const { endpoints } = deps.config;
  const retry = {
    what: "follow the chain",
    logger: deps.logger,
    signal,
    clock: deps.clock,
    initialMs: 250,
    maxMs: 15_000,
    resetAfterMs: 30_000,
  };
  try {
    await withBackoff(retry, (attempt) =>
      followEndpoint(deps, endpoints[(attempt - 1) % endpoints.length] ?? "", signal),
    );
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Returns when the signal aborts, throws when the connection is of no use any more. */
async function followEndpoint(deps: Deps, endpoint: string, signal: AbortSignal): Promise<void> {
  const chain = await deps.connect(endpoint, signal);
  const session = new AbortController();
  const alive = AbortSignal.any([signal, session.signal]);
  void chain.closed.then(() => session.abort(new Error(`The connection to ${endpoint} is lost`)));
  const ended = new AbortController();
  const watching = Promise.all([
    abortWhenStale(deps, chain, session, alive),
    closeWhenLate(deps, chain, alive, ended.signal),
  ]);
  deps.link.current = chain;
  deps.observe.connected(chain.identity);
  try {
    await withAdvisoryLock(deps.db, "chain", alive, (held) => lead(deps, chain, held));
    if (!signal.aborted) session.signal.throwIfAborted();
  } finally {
    session.abort();
    ended.abort();
    deps.link.current = undefined;
    await Promise.all([watching, chain.close()]);
  }
}

const STALE_CHECK_MS = 1_000;

/** A node that sends no heads has lost its peers, or the connection is dead without knowing it. */
async function abortWhenStale(
  { clock, config }: Deps,
  chain: Chain,
  session: AbortController,
  signal: AbortSignal,
): Promise<void> {
  let lastHead = clock.elapsedMs();
  const stop = chain.onHead(() => {
    lastHead = clock.elapsedMs();
  });
  while (!signal.aborted) {
    await clock.sleep(STALE_CHECK_MS, signal).catch(() => undefined);
    const silence = clock.elapsedMs() - lastHead;
    if (silence > config.staleSeconds * 1000)
      session.abort(new Error(`No new head for ${Math.round(silence / 1000)} s`));
  }
  stop();
}

const STOP_GRACE_MS = 3_000;

/** A request that hangs holds up neither the stop nor the change of endpoint: the connection is closed under it. */
async function closeWhenLate(
  { clock }: Deps,
  chain: Chain,
  alive: AbortSignal,
  ended: AbortSignal,
): Promise<void> {
  await new Promise<void>((resolve) => {
    if (alive.aborted) resolve();
    alive.addEventListener("abort", () => resolve(), { once: true });
  });
  await clock.sleep(STOP_GRACE_MS, ended).then(
    () => chain.close(),
    () => undefined, // everything has ended in time
  );
}

/** Looks again after this time even when nothing has rung. */
const POLL_MS = 5_000;

async function lead(deps: Deps, chain: Chain, signal: AbortSignal): Promise<void> {
  const wake = createWake(deps.clock);
  const listening = new AbortController();
  const notified = deps.db.listen(pointsChannel, wake.ring, AbortSignal.any([signal, listening.signal]));
  const stopHeads = chain.onHead(wake.ring);
  try {
    while (!signal.aborted) {
      await look(deps, chain, signal);
      await wake.wait(POLL_MS, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    stopHeads();
    listening.abort();
    await notified;
  }
}

/** Finalized blocks first: what is known of an open submission must be known before another is thought of. */
async function look(deps: Deps, chain: Chain, signal: AbortSignal): Promise<void> {
  const isAbreast = chain.missingCapabilities().length > 0 || (await ingestBlocks(deps, chain, signal));
  if (isAbreast && !signal.aborted) await reconcileWeights(deps, chain);
}
