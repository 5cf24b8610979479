import { createHash, createHmac, type Hash } from "node:crypto";
import { err, ok, type Result } from "@gradients/kernel";
import type { RowGroups } from "./near-duplicates.ts";

export interface SplitPolicy {
  /** Part of the rows that is held out, before the bounds below. */
  readonly heldoutShare: number;
  readonly heldoutRowsMin: number;
  readonly heldoutRowsMax: number;
  /** A race is worth nothing with fewer training rows than this. */
  readonly trainRowsMin: number;
}

export interface Split {
  /** Rows (numbered as in the groups) that are held out, ascending. */
  readonly heldoutRows: readonly number[];
  /** The group of each held-out row, renumbered from 0: the bootstrap draws groups, not rows. */
  readonly clusters: readonly number[];
  readonly trainRows: number;
}

export type SplitRejection =
  | { readonly kind: "too_small"; readonly rows: number; readonly rowsNeeded: number }
  | {
      readonly kind: "too_repetitive";
      readonly rows: number;
      readonly groups: number;
      readonly heldoutRowsFound: number;
      readonly heldoutRowsNeeded: number;
    };

/** No group may fill more than this part of the held-out rows, or a handful of texts would decide the verdict. */
const LARGEST_GROUP_SHARE = 1 / 8;

/**
 * Chooses the held-out rows. Whole groups are taken in the order of HMAC-SHA256(salt, group key), so nobody without the salt can foresee them and the
 * order of the rows in the file plays no part.
 */
export function chooseHeldout(
  groups: RowGroups,
  salt: Uint8Array,
  policy: SplitPolicy,
): Result<Split, SplitRejection> {
  const rows = groups.groupOf.length;
  const wanted = heldoutSize(rows, policy);
  if (rows < policy.heldoutRowsMin + policy.trainRowsMin) {
    return err({ kind: "too_small", rows, rowsNeeded: policy.heldoutRowsMin + policy.trainRowsMin });
  }
  const chosen = takeGroups(groups, salt, wanted);
  const split = toSplit(groups, chosen);
  if (split.heldoutRows.length < policy.heldoutRowsMin) {
    return err({
      kind: "too_repetitive",
      rows,
      groups: groups.sizes.length,
      heldoutRowsFound: split.heldoutRows.length,
      heldoutRowsNeeded: policy.heldoutRowsMin,
    });
  }
  return ok(split);
}

/** A share of the rows, within its bounds, and never so many that too few are left to train on. */
export function heldoutSize(rows: number, policy: SplitPolicy): number {
  const wanted = Math.round(rows * policy.heldoutShare);
  const bounded = Math.min(policy.heldoutRowsMax, Math.max(policy.heldoutRowsMin, wanted));
  return Math.max(0, Math.min(bounded, rows - policy.trainRowsMin));
}

/**
 * What is published before the race: SHA-256(salt || bytes of heldout.jsonl), in hexadecimal. The salt is 32 random bytes, so it hides the rows, and
 * no other pair of salt and rows can be shown later. This is the hash with the salt in it, to be fed with the bytes.
 */
export function beginCommitment(salt: Uint8Array): Hash {
  return createHash("sha256").update(salt);
}

/** Whether revealed salt and rows are those that were committed to. */
export function verifyCommitment(commitment: string, salt: Uint8Array, heldout: Uint8Array): boolean {
  return beginCommitment(salt).update(heldout).digest("hex") === commitment;
}

function takeGroups(groups: RowGroups, salt: Uint8Array, wanted: number): ReadonlyMap<number, number> {
  const largest = Math.max(1, Math.floor(wanted * LARGEST_GROUP_SHARE));
  const chosen = new Map<number, number>();
  let taken = 0;
  for (const group of secretOrder(groups.groupKeys, salt)) {
    const size = groups.sizes[group] ?? 0;
    if (size > largest || taken + size > wanted) continue;
    chosen.set(group, chosen.size);
    taken += size;
    if (taken === wanted) break;
  }
  return chosen;
}

function secretOrder(keys: readonly Buffer[], salt: Uint8Array): readonly number[] {
  const ranks = keys.map((key, group) => ({ group, rank: createHmac("sha256", salt).update(key).digest() }));
  return ranks.sort((a, b) => a.rank.compare(b.rank)).map(({ group }) => group);
}

function toSplit(groups: RowGroups, chosen: ReadonlyMap<number, number>): Split {
  const heldoutRows: number[] = [];
  const clusters: number[] = [];
  for (const [row, group] of groups.groupOf.entries()) {
    const cluster = chosen.get(group);
    if (cluster === undefined) continue;
    heldoutRows.push(row);
    clusters.push(cluster);
  }
  return { heldoutRows, clusters, trainRows: groups.groupOf.length - heldoutRows.length };
}
