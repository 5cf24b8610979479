import { err, ok, type Result } from "@gradients/kernel";

/** Stands in every submission, so that an auditor knows which function to recompute it with. */
export const WEIGHTS_VERSION = 1;

export interface HotkeyPoints {
  readonly hotkey: string;
  readonly microPoints: bigint;
}

export interface WeightsInput {
  readonly points: readonly HotkeyPoints[];
  /** Points of the window that nobody earned. */
  readonly unallocatedMicroPoints: bigint;
  /** Registered hotkeys at the pinned block. */
  readonly uids: ReadonlyMap<string, number>;
  /** Uid of the subnet owner's hotkey: weight on it is burned. Undefined when it holds none. */
  readonly ownerUid: number | undefined;
}

export interface Weight {
  readonly uid: number;
  /** 1 to 65535; the largest of a vector is 65535. */
  readonly weight: number;
}

export interface WeightVector {
  /** By ascending uid. */
  readonly weights: readonly Weight[];
  /** Hotkeys with points that hold no uid; their points are burned. */
  readonly unregistered: readonly string[];
}

/**
 * Version 1: each registered hotkey weighs its points of the window; unallocated points, and those of hotkeys without a uid, weigh on the owner
 * (burn). Without any points all weight is on the owner. Fails when there is nobody to put weight on: an empty vector is never sent.
 */
export function weightVector(input: WeightsInput): Result<WeightVector, "NO_RECIPIENT"> {
  const amounts = new Map<number, bigint>();
  const add = (uid: number | undefined, amount: bigint) => {
    if (uid !== undefined && amount > 0n) amounts.set(uid, (amounts.get(uid) ?? 0n) + amount);
  };
  const unregistered: string[] = [];
  for (const { hotkey, microPoints } of input.points) {
    const uid = input.uids.get(hotkey);
    if (uid === undefined) unregistered.push(hotkey);
    add(uid ?? input.ownerUid, microPoints);
  }
  add(input.ownerUid, input.unallocatedMicroPoints);
  if (amounts.size === 0) add(input.ownerUid, 1n);
  if (amounts.size === 0) return err("NO_RECIPIENT");
  return ok({ weights: quantise(amounts), unregistered });
}

const U16_MAX = 65_535n;

/** round(amount / max * 65535), half up; what rounds to nothing is left out (chain.md 2.3). At least one amount is positive. */
export function quantise(amounts: ReadonlyMap<number, bigint>): Weight[] {
  const maximum = [...amounts.values()].reduce((left, right) => (left > right ? left : right), 0n);
  return [...amounts]
    .map(([uid, amount]) => ({ uid, weight: Number((2n * amount * U16_MAX + maximum) / (2n * maximum)) }))
    .filter(({ weight }) => weight > 0)
    .sort((left, right) => left.uid - right.uid);
}

export function sameWeights(left: readonly Weight[], right: readonly Weight[]): boolean {
  const texts = [left, right].map((weights) =>
    weights
      .map(({ uid, weight }) => `${uid}:${weight}`)
      .toSorted()
      .join(),
  );
  return texts[0] === texts[1];
}
