import type { Clock } from "@gradients/kernel";
import type { StoredApiKey } from "../store/api-keys.ts";

/** API keys as they are stored, read at most MAX_AGE_MS ago. */
export interface KeyCache {
  find(prefix: string): Promise<StoredApiKey | undefined>;
  /** For whoever has changed the key: the next call reads it anew. */
  forget(prefix: string): void;
}

/** A key that another replica has revoked works here for so long at most. */
export const MAX_AGE_MS = 5_000;
const MAX_KEPT = 10_000;

/** Only keys that exist are kept: guesses take no room from them. */
export function createKeyCache(
  read: (prefix: string) => Promise<StoredApiKey | undefined>,
  clock: Pick<Clock, "elapsedMs">,
): KeyCache {
  const kept = new Map<string, Kept>();
  const add = (prefix: string) => {
    const entry = { readAt: clock.elapsedMs(), record: read(prefix) };
    const drop = () => void (kept.get(prefix) === entry && kept.delete(prefix));
    entry.record.then((found) => found ?? drop(), drop);
    kept.delete(prefix);
    kept.set(prefix, entry);
    const [oldest] = kept.keys();
    if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
    return entry.record;
  };
  return {
    find: (prefix) => {
      const known = kept.get(prefix);
      return known && clock.elapsedMs() - known.readAt < MAX_AGE_MS ? known.record : add(prefix);
    },
    forget: (prefix) => void kept.delete(prefix),
  };
}

interface Kept {
  /** When reading began. */
  readonly readAt: number;
  readonly record: Promise<StoredApiKey | undefined>;
}
