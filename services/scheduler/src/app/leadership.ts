import { type Database, withAdvisoryLock } from "@gradients/db";
import type { LeaseElector } from "@gradients/kube";
import { fenced, newestTerm, recordTerm } from "../store/leader.ts";
import type { Tables } from "../store/schema.ts";

/**
 * Runs `lead` while this replica is the one that acts, with a signal that ends with that and a database that refuses what comes too late. Resolves
 * when the outer signal aborts; rejects when leadership is lost.
 */
export type Leadership = (
  signal: AbortSignal,
  lead: (held: AbortSignal, db: Database<Tables>) => Promise<void>,
) => Promise<void>;

const CONTROL = "control";

/** Where one database is all that replicas share. */
export function byAdvisoryLock(db: Database<Tables>): Leadership {
  return (signal, lead) => withAdvisoryLock(db, CONTROL, signal, (held) => lead(held, db));
}

/**
 * By a Lease: unlike a database session, it passes on when its holder is paused. The paused one cannot do harm when it wakes: its calls to the cluster
 * are held back by its own clock, and its transactions are refused for their old term.
 */
export function byLease(db: Database<Tables>, elector: LeaseElector): Leadership {
  return (signal, lead) =>
    elector.lead(
      signal,
      () => newestTerm(db, CONTROL),
      async (held, term) => {
        await recordTerm(db, CONTROL, term);
        await lead(held, fenced(db, CONTROL, term));
        if (!signal.aborted) held.throwIfAborted();
      },
    );
}
