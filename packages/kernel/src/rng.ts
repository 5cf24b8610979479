import { createHash } from "node:crypto";

const TWO_POW_32 = 0x1_0000_0000;
const TWO_POW_53 = 0x20_0000_0000_0000;

/**
 * Seeded random numbers, equal on every machine: the state is the first 128 bits of SHA-256(seed as UTF-8) read as four little-endian words,
 * the generator is xoshiro128** 1.1 (Blackman and Vigna, https://prng.di.unimi.it/xoshiro128starstar.c). Not for secrets.
 */
export class Rng {
  readonly #state: Uint32Array;

  constructor(seed: string) {
    const digest = createHash("sha256").update(seed, "utf8").digest();
    this.#state = Uint32Array.from([0, 4, 8, 12], (offset) => digest.readUInt32LE(offset));
  }

  /** A uniform integer in [0, 2^32). */
  nextU32(): number {
    const state = this.#state;
    const s0 = state[0] ?? 0;
    const s1 = state[1] ?? 0;
    const s2 = state[2] ?? 0;
    const s3 = state[3] ?? 0;
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    const t2 = s2 ^ s0;
    const t3 = s3 ^ s1;
    state[0] = s0 ^ t3;
    state[1] = s1 ^ t2;
    state[2] = t2 ^ (s1 << 9);
    state[3] = rotateLeft(t3, 11);
    return result;
  }

  /** A uniform multiple of 2^-53 in [0, 1). */
  float(): number {
    const high = this.nextU32() >>> 5;
    const low = this.nextU32() >>> 6;
    return (high * 0x400_0000 + low) / TWO_POW_53;
  }

  /** A uniform integer in [0, bound), without modulo bias. `bound` is an integer in [1, 2^32]. */
  int(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > TWO_POW_32)
      throw new RangeError(`The bound must be an integer in [1, 2^32], got ${bound}`);
    const limit = TWO_POW_32 - (TWO_POW_32 % bound);
    let drawn = this.nextU32();
    while (drawn >= limit) drawn = this.nextU32();
    return drawn % bound;
  }

  /** A new array with the same items in a uniformly random order (Fisher and Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const shuffled = [...items];
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = this.int(last + 1);
      [shuffled[last], shuffled[other]] = [shuffled[other] as T, shuffled[last] as T]; // both indices are in range
    }
    return shuffled;
  }
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
