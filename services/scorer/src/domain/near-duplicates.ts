import { MAX_DATASET_ROWS } from "@gradients/dataset";
import { Rng } from "@gradients/kernel";
import { mix32, profileRow, type RowText } from "./row-profile.ts";

const BANDS = 32;
const HASHES_PER_BAND = 3;
const HASHES = BANDS * HASHES_PER_BAND;
/** Shingles kept per row to measure a pair's similarity; exact for rows with no more. */
const SKETCH_SIZE = 128;

/** Rows whose Jaccard similarity reaches this are near-duplicates. */
const SIMILAR = 0.5;
/** Within one band bucket a row is compared with that many rows before it. */
const COMPARED_IN_BUCKET = 32;
/** A text part in more rows than both of these is the data set's template, which says nothing about likeness. */
const TEMPLATE_ROWS = 16;
const TEMPLATE_SHARE = 0.05;

const COUNTER_BITS = 22;
/** Row numbers and 32-bit keys are sorted together as one exact double. */
const MAX_ROWS = Math.min(MAX_DATASET_ROWS, 2 ** 21);

/** There are more distinct rows than can be grouped. */
export class TooManyRows extends Error {
  override readonly name = "TooManyRows";
}

/**
 * Groups rows that are near-duplicates of each other, in two passes over the same rows in the same order: `count` learns which word shingles are template, then
 * `place` signs each row by the rest. Candidate pairs come from MinHash signatures (Broder 1997) by locality-sensitive hashing in 32 bands of 3: a pair of similarity
 * 0.6 is missed with probability (1 - 0.6^3)^32 = 0.04 %, one of 0.7 with 2e-6. A pair counts when its Jaccard similarity is at least 0.5, measured on the 128 smallest
 * shingle hashes of both (bottom-k sketch, exact for shorter rows). Rows with equal words, or with the same prompt, are joined whatever their shingles.
 * Memory: at most some 700 bytes per row. Equal seed, equal rows: equal groups.
 */
export class NearDuplicateIndex {
  readonly #seen = new Set<string>();
  readonly #maxRows: number;
  readonly #shingleRows = new Uint32Array(2 ** COUNTER_BITS);
  readonly #multipliers: Uint32Array;
  readonly #offsets: Uint32Array;
  #placed: PlacedRows | undefined;
  #next = 0;

  constructor(seed: string, maxRows = MAX_ROWS) {
    this.#maxRows = maxRows;
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
    const { exactKey, shingles } = profileRow(text);
    const key = exactKey.toString("base64");
    if (this.#seen.has(key)) return false;
    if (this.#seen.size >= this.#maxRows) throw new TooManyRows(`More than ${this.#maxRows} rows`);
    this.#seen.add(key);
    for (const shingle of shingles) this.#bumpCounter(shingle);
    return true;
  }

  /** Second pass over the rows that `count` took. */
  place(text: RowText): void {
    this.#placed ??= allocate(this.#seen.size);
    const row = this.#next++;
    if (row >= this.#seen.size) throw new RangeError("More rows are placed than were counted");
    const { exactKey, textKey, promptKey, shingles } = profileRow(text);
    const placed = this.#placed;
    placed.exactKeys.set(exactKey, row * 16);
    placed.textKeys[row] = textKey;
    placed.promptKeys[row] = promptKey;
    const own = this.#withoutTemplate(shingles);
    placed.bandKeys.set(own.length === 0 ? noBands : this.#bandKeys(own), row * BANDS);
    placed.sketches.push(own.sort().slice(0, SKETCH_SIZE));
  }

  /** The groups of the placed rows. */
  groups(): RowGroups {
    const placed = this.#placed ?? allocate(0);
    const joins = new DisjointSets(placed.textKeys.length);
    joinEqual(joins, placed.textKeys, Number.POSITIVE_INFINITY);
    joinEqual(joins, placed.promptKeys, this.#templateRows());
    for (let band = 0; band < BANDS; band++) joinSimilar(joins, placed, band);
    return toGroups(joins, placed.exactKeys);
  }

  #bumpCounter(shingle: number): void {
    const slot = shingle >>> (32 - COUNTER_BITS);
    this.#shingleRows[slot] = (this.#shingleRows[slot] ?? 0) + 1;
  }

  #templateRows(): number {
    return Math.max(TEMPLATE_ROWS, TEMPLATE_SHARE * this.#seen.size);
  }

  #withoutTemplate(shingles: ReadonlySet<number>): Uint32Array {
    const limit = this.#templateRows();
    const own = [...shingles].filter(
      (shingle) => (this.#shingleRows[shingle >>> (32 - COUNTER_BITS)] ?? 0) <= limit,
    );
    return Uint32Array.from(own);
  }

  /** The minimum of each hash over the shingles, condensed band by band. */
  #bandKeys(shingles: Uint32Array): Uint32Array {
    const keys = new Uint32Array(BANDS);
    for (let hash = 0; hash < HASHES; hash++) {
      const band = Math.floor(hash / HASHES_PER_BAND);
      const minimum = minimumHash(shingles, this.#multipliers[hash] ?? 1, this.#offsets[hash] ?? 0);
      keys[band] = mix32(Math.imul(keys[band] ?? 0, 31) ^ minimum);
    }
    return keys;
  }
}

/** The hot loop of a split: by index, since iterating a typed array costs several times as much. */
function minimumHash(shingles: Uint32Array, multiplier: number, offset: number): number {
  let minimum = 0xffff_ffff;
  for (let index = 0; index < shingles.length; index++) {
    const value = mix32(Math.imul(shingles[index] as number, multiplier) ^ offset); // the index is in range
    if (value < minimum) minimum = value;
  }
  return minimum;
}

/** Rows by group. Groups are numbered by their first row. */
export interface RowGroups {
  /** Group of each row. */
  readonly groupOf: Int32Array;
  /** Smallest exact key among a group's rows: it names the group by content, not by the order of rows. */
  readonly groupKeys: readonly Buffer[];
  readonly sizes: Int32Array;
}

/** Of a row that is all template: it joins nobody by its shingles. */
const noBands = new Uint32Array(BANDS);

/** Joins rows with the same key, unless more than `limit` rows share it. */
function joinEqual(joins: DisjointSets, keys: Uint32Array, limit: number): void {
  for (const run of runsOfEqual(keys)) {
    if (run.length > limit) continue;
    for (const row of run) joins.join(run[0] ?? row, row);
  }
}

function joinSimilar(joins: DisjointSets, { bandKeys, sketches }: PlacedRows, band: number): void {
  const keys = Uint32Array.from(sketches, (_, row) => bandKeys[row * BANDS + band] ?? 0);
  for (const run of runsOfEqual(keys)) {
    for (let later = 1; later < run.length; later++) {
      for (let earlier = Math.max(0, later - COMPARED_IN_BUCKET); earlier < later; earlier++) {
        const [a = 0, b = 0] = [run[earlier], run[later]];
        if (!joins.areJoined(a, b) && similarity(sketches[a], sketches[b]) >= SIMILAR) joins.join(a, b);
      }
    }
  }
}

/** Jaccard similarity by the smallest hashes of the union: the share of them that both sets hold. */
function similarity(a: Uint32Array = noBands, b: Uint32Array = noBands): number {
  let [indexA, indexB, union, shared] = [0, 0, 0, 0];
  while (union < SKETCH_SIZE && indexA < a.length && indexB < b.length) {
    const [fromA = 0, fromB = 0] = [a[indexA], b[indexB]];
    if (fromA <= fromB) indexA++;
    if (fromB <= fromA) indexB++;
    if (fromA === fromB) shared++;
    union++;
  }
  const rest = a.length - indexA + (b.length - indexB);
  return shared / Math.max(1, Math.min(SKETCH_SIZE, union + rest));
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
    bandKeys: new Uint32Array(rows * BANDS),
    sketches: [],
  };
}

interface PlacedRows {
  readonly exactKeys: Buffer;
  readonly textKeys: Uint32Array;
  readonly promptKeys: Uint32Array;
  readonly bandKeys: Uint32Array;
  /** For each row its smallest shingle hashes, ascending. */
  readonly sketches: Uint32Array[];
}
