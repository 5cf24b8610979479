import { createHash } from "node:crypto";

const INITIAL_SLOTS = 1 << 12;
const MAX_LOAD = 0.6;

/**
 * Remembers texts by the first 64 bits of their SHA-256 in about 16 bytes each, so millions of rows fit. Two different texts are taken for
 * the same with a chance of n²/2^65: one in 37 million at a million rows.
 */
export class DigestSet {
  #slots = new BigUint64Array(INITIAL_SLOTS);
  #size = 0;

  /** False when the text was there already. */
  add(text: string): boolean {
    const digest = createHash("sha256").update(text, "utf8").digest().readBigUInt64LE() || 1n; // 0 marks a free slot
    if (!insert(this.#slots, digest)) return false;
    this.#size++;
    if (this.#size > this.#slots.length * MAX_LOAD) this.#grow();
    return true;
  }

  #grow(): void {
    const larger = new BigUint64Array(this.#slots.length * 2);
    for (const digest of this.#slots) if (digest !== 0n) insert(larger, digest);
    this.#slots = larger;
  }
}

/** Open addressing with linear probing; the length is a power of two and there is always a free slot. */
function insert(slots: BigUint64Array, digest: bigint): boolean {
  const mask = slots.length - 1;
  for (let slot = Number(digest & BigInt(mask)); ; slot = (slot + 1) & mask) {
    if (slots[slot] === digest) return false;
    if (slots[slot] === 0n) {
      slots[slot] = digest;
      return true;
    }
  }
}
