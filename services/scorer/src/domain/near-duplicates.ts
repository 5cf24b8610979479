import { Rng } from "@gradients/kernel";
import { mix32, profileRow, type RowProfile, type RowText } from "./row-profile.ts";

const BANDS = 24;
const ROWS_PER_BAND = 4;
const HASHES = BANDS * ROWS_PER_BAND;

/** Rows whose estimated Jaccard similarity reaches this are near-duplicates. */
const SIMILAR = 0.6;
/** Within one band bucket a row is compared with that many rows before it. */
const COMPARED_IN_BUCKET = 32;
/** A text part in more rows than both of these is the data set's template, which says nothing about likeness. */
const TEMPLATE_ROWS = 16;
const TEMPLATE_SHARE = 0.05;

const COUNTER_BITS = 22;
/** Row numbers and 32-bit keys are sorted together as one exact double. */
const MAX_ROWS = 2 ** 21;

/**
 * Groups rows that are near-duplicates of each other, in two passes over the same rows in the same order: `count` learns which word shingles are
 * template, then `place` signs each row by the rest. Signatures are MinHash (Broder 1997), candidates come from locality-sensitive hashing in 24 bands
 * of 4 (a pair of similarity 0.7 is missed with probability (1 - 0.7^4)^24 = 0.2 %, one of 0.8 with 5e-6), and a pair counts when its
 * estimated similarity is at least 0.6. Rows with equal words, or with the same prompt, are joined whatever their shingles.
 * Memory: about 450 bytes per row. Equal seed, equal rows: equal groups.
 */
export class NearDuplicateIndex {
  readonly #seen = new Set<string>();
  readonly #shingleRows = new Uint32Array(2 ** COUNTER_BITS);
  readonly #multipliers: Uint32Array;
  readonly #offsets: Uint32Array;
  #placed: PlacedRows | undefined;
  #next = 0;

  constructor(seed: string) {
    const rng = new Rng(`gradients.minhash/v1:${seed}`);
    this.#multipliers = Uint32Array.from({ length: HASHES }, () => rng.nextU32() | 1);
    this.#offsets = Uint32Array.from({ length: HASHES }, () => rng.nextU32());
  }

  /** Rows counted so far, without exact repeats. */
  get rows(): number {
    return this.#seen.size;
  }

  /** First pass. False when exactly the same text came before: such a row is to be left out of both passes from then on. */
  count(text: RowText): boolean {
    if (this.#placed) throw new Error("All rows are counted before the first is placed");
    if (this.#seen.size >= MAX_ROWS) throw new RangeError(`At most ${MAX_ROWS} rows can be grouped`);
    const { exactKey, shingles } = profileRow(text);
    const key = exactKey.toString("base64");
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    for (const shingle of shingles) this.#bumpCounter(shingle);
    return true;
  }

  /** Second pass over the rows that `count` took. */
  place(text: RowText): void {
    this.#placed ??= allocate(this.#seen.size);
    const row = this.#next++;
    if (row >= this.#seen.size) throw new RangeError("More rows are placed than were counted");
    const profile = profileRow(text);
    this.#placed.exactKeys.set(profile.exactKey, row * 16);
    this.#placed.textKeys[row] = profile.textKey;
    this.#placed.promptKeys[row] = profile.promptKey;
    this.#sign(profile, this.#placed.signatures.subarray(row * HASHES, (row + 1) * HASHES));
  }

  /** The groups of the placed rows. */
  groups(): RowGroups {
    const placed = this.#placed ?? allocate(0);
    const joins = new DisjointSets(placed.textKeys.length);
    joinEqual(joins, placed.textKeys, Number.POSITIVE_INFINITY);
    joinEqual(joins, placed.promptKeys, this.#templateRows());
    for (let band = 0; band < BANDS; band++) joinSimilar(joins, placed.signatures, band);
    return toGroups(joins, placed.exactKeys);
  }

  #bumpCounter(shingle: number): void {
    const slot = shingle >>> (32 - COUNTER_BITS);
    this.#shingleRows[slot] = (this.#shingleRows[slot] ?? 0) + 1;
  }

  #templateRows(): number {
    return Math.max(TEMPLATE_ROWS, TEMPLATE_SHARE * this.#seen.size);
  }

  /** The minimum of each hash over the row's own shingles. A row that is all template keeps the empty signature and joins nobody by it. */
  #sign({ shingles }: RowProfile, signature: Uint32Array): void {
    signature.fill(EMPTY);
    const limit = this.#templateRows();
    for (const shingle of shingles) {
      if ((this.#shingleRows[shingle >>> (32 - COUNTER_BITS)] ?? 0) > limit) continue;
      for (let hash = 0; hash < HASHES; hash++) {
        const value = mix32(Math.imul(shingle, this.#multipliers[hash] ?? 1) ^ (this.#offsets[hash] ?? 0));
        if (value < (signature[hash] ?? EMPTY)) signature[hash] = value;
      }
    }
  }
}

/** Rows by group. Groups are numbered by their first row. */
export interface RowGroups {
  /** Group of each row. */
  readonly groupOf: Int32Array;
  /** Smallest exact key among a group's rows: it names the group by content, not by the order of rows. */
  readonly groupKeys: readonly Buffer[];
  readonly sizes: Int32Array;
}

const EMPTY = 0xffff_ffff;

/** Joins rows with the same key, unless more than `limit` rows share it. */
function joinEqual(joins: DisjointSets, keys: Uint32Array, limit: number): void {
  for (const run of runsOfEqual(keys)) {
    if (run.length > limit) continue;
    for (const row of run) joins.join(run[0] ?? row, row);
  }
}

function joinSimilar(joins: DisjointSets, signatures: Uint32Array, band: number): void {
  const keys = new Uint32Array(signatures.length / HASHES);
  for (let row = 0; row < keys.length; row++)
    keys[row] = bandKey(signatures, row * HASHES + band * ROWS_PER_BAND);
  for (const run of runsOfEqual(keys)) {
    for (let later = 1; later < run.length; later++) {
      for (let earlier = Math.max(0, later - COMPARED_IN_BUCKET); earlier < later; earlier++) {
        const [a = 0, b = 0] = [run[earlier], run[later]];
        if (!joins.areJoined(a, b) && similarity(signatures, a, b) >= SIMILAR) joins.join(a, b);
      }
    }
  }
}

function bandKey(signatures: Uint32Array, start: number): number {
  let key = 0;
  for (let index = start; index < start + ROWS_PER_BAND; index++)
    key = mix32(Math.imul(key, 31) ^ (signatures[index] ?? EMPTY));
  return key;
}

/** Share of equal minima: an unbiased estimate of the Jaccard similarity of the shingle sets. */
function similarity(signatures: Uint32Array, a: number, b: number): number {
  let equal = 0;
  for (let hash = 0; hash < HASHES; hash++) {
    const minimum = signatures[a * HASHES + hash];
    if (minimum === signatures[b * HASHES + hash] && minimum !== EMPTY) equal++;
  }
  return equal / HASHES;
}

/** Rows with equal keys, two and more at a time, each run in row order. */
function* runsOfEqual(keys: Uint32Array): Generator<readonly number[]> {
  const order = Float64Array.from(keys, (key, row) => key * MAX_ROWS + row).sort();
  let run: number[] = [];
  let runKey = -1;
  for (const packed of order) {
    const key = Math.floor(packed / MAX_ROWS);
    if (key !== runKey) {
      if (run.length > 1) yield run;
      run = [];
      runKey = key;
    }
    run.push(packed % MAX_ROWS);
  }
  if (run.length > 1) yield run;
}

function toGroups(joins: DisjointSets, exactKeys: Buffer): RowGroups {
  const groupOf = new Int32Array(joins.size);
  const numbers = new Map<number, number>();
  const groupKeys: Buffer[] = [];
  const sizes: number[] = [];
  for (let row = 0; row < joins.size; row++) {
    const root = joins.rootOf(row);
    const group = numbers.get(root) ?? numbers.size;
    numbers.set(root, group);
    groupOf[row] = group;
    sizes[group] = (sizes[group] ?? 0) + 1;
    const key = exactKeys.subarray(row * 16, (row + 1) * 16);
    const smallest = groupKeys[group];
    if (!smallest || key.compare(smallest) < 0) groupKeys[group] = key;
  }
  return { groupOf, groupKeys, sizes: Int32Array.from(sizes) };
}

/** Union-find with path halving. */
class DisjointSets {
  readonly size: number;
  readonly #parent: Int32Array;

  constructor(size: number) {
    this.size = size;
    this.#parent = Int32Array.from({ length: size }, (_, index) => index);
  }

  rootOf(item: number): number {
    const parent = this.#parent;
    let current = item;
    let above = parent[current] ?? current;
    while (above !== current) {
      const next = parent[above] ?? above;
      parent[current] = next;
      current = next;
      above = parent[current] ?? current;
    }
    return current;
  }

  join(a: number, b: number): void {
    this.#parent[this.rootOf(b)] = this.rootOf(a);
  }

  areJoined(a: number, b: number): boolean {
    return this.rootOf(a) === this.rootOf(b);
  }
}

function allocate(rows: number): PlacedRows {
  return {
    exactKeys: Buffer.alloc(rows * 16),
    textKeys: new Uint32Array(rows),
    promptKeys: new Uint32Array(rows),
    signatures: new Uint32Array(rows * HASHES),
  };
}

interface PlacedRows {
  readonly exactKeys: Buffer;
  readonly textKeys: Uint32Array;
  readonly promptKeys: Uint32Array;
  readonly signatures: Uint32Array;
}
