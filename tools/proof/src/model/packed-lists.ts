/** Lists of pairs of small integers, by a number: six bytes a pair, where objects take some fifty. */
export class PackedLists {
  #firsts = new Int32Array(START);
  #seconds = new Uint16Array(START);
  #length = 0;
  /** Where the list of a number begins, plus one; 0 when there is none. */
  #begins = new Int32Array(START);
  #lengths = new Uint16Array(START);

  has(id: number): boolean {
    return (this.#begins[id] ?? 0) > 0;
  }

  lengthOf(id: number): number {
    return this.#lengths[id] ?? 0;
  }

  first(id: number, place: number): number {
    return this.#firsts[(this.#begins[id] ?? 0) - 1 + place] as number;
  }

  second(id: number, place: number): number {
    return this.#seconds[(this.#begins[id] ?? 0) - 1 + place] as number;
  }

  set(id: number, pairs: readonly (readonly [number, number])[]): void {
    this.#begins = roomFor(this.#begins, id, (length) => new Int32Array(length));
    this.#lengths = roomFor(this.#lengths, id, (length) => new Uint16Array(length));
    this.#firsts = roomFor(this.#firsts, this.#length + pairs.length, (length) => new Int32Array(length));
    this.#seconds = roomFor(this.#seconds, this.#length + pairs.length, (length) => new Uint16Array(length));
    this.#begins[id] = this.#length + 1;
    this.#lengths[id] = pairs.length;
    for (const [first, second] of pairs) {
      this.#firsts[this.#length] = first;
      this.#seconds[this.#length++] = second;
    }
  }
}

const START = 1 << 12;

function roomFor<A extends Int32Array | Uint16Array>(
  array: A,
  index: number,
  make: (length: number) => A,
): A {
  if (index < array.length) return array;
  const larger = make(Math.max(2 * array.length, index + 1));
  larger.set(array);
  return larger;
}

/** Numbers for values that are equal as text, few of them. */
export class Interned<T> {
  readonly #ids = new Map<string, number>();
  readonly #values: T[] = [];

  idOf(value: T): number {
    const text = JSON.stringify(value);
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    this.#ids.set(text, this.#values.length);
    if (this.#values.length > MOST_IDS) throw new Error("more different values than there are numbers for");
    return this.#values.push(value) - 1;
  }

  valueOf(id: number): T {
    return this.#values[id] as T; // only ids that were given out are asked for
  }
}

const MOST_IDS = 0xffff;
