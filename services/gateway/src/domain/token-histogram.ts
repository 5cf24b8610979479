export interface TokenBucket {
  /** In tokens, inclusive. */
  readonly upTo: number;
  readonly rows: number;
}

const SMALLEST_BUCKET = 16;

/** Rows by their length in tokens, in buckets that double: 1 to 16, 17 to 32 and so on. */
export class TokenHistogram {
  readonly #rows = new Map<number, number>();
  #total = 0;

  get totalTokens(): number {
    return this.#total;
  }

  add(tokens: number): void {
    const upTo = Math.max(SMALLEST_BUCKET, 2 ** Math.ceil(Math.log2(Math.max(1, tokens))));
    this.#rows.set(upTo, (this.#rows.get(upTo) ?? 0) + 1);
    this.#total += tokens;
  }

  /** From the shortest to the longest, without gaps. */
  list(): readonly TokenBucket[] {
    if (this.#rows.size === 0) return [];
    const longest = Math.max(...this.#rows.keys());
    const shortest = Math.min(...this.#rows.keys());
    const buckets: TokenBucket[] = [];
    for (let upTo = shortest; upTo <= longest; upTo *= 2)
      buckets.push({ upTo, rows: this.#rows.get(upTo) ?? 0 });
    return buckets;
  }
}
