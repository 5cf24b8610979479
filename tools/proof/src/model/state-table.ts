/**
 * States by their keys, numbered in the order of their coming, each with the step by which it was first reached. Typed arrays and open addressing: about
 * 30 bytes a state, where a Map of texts takes some hundred.
 */
export class StateTable {
  size = 0;
  #keys = new Float64Array(FIRST_CAPACITY);
  #parents = new Int32Array(FIRST_CAPACITY);
  #steps = new Uint16Array(FIRST_CAPACITY);
  /** Number of a state plus one; 0 is free. Twice as many as there may be states. */
  #slots = new Int32Array(2 * FIRST_CAPACITY);

  /** The state's number; a new one is the latest. */
  add(key: number, parent: number, step: number): number {
    if (this.size === this.#keys.length) this.#grow();
    const slot = this.#slotOf(key);
    const known = this.#slots[slot] as number;
    if (known > 0) return known - 1;
    const id = this.size++;
    this.#slots[slot] = id + 1;
    this.#keys[id] = key;
    this.#parents[id] = parent;
    this.#steps[id] = step;
    return id;
  }

  /** The number of a state that was added. */
  idOf(key: number): number {
    return (this.#slots[this.#slotOf(key)] as number) - 1;
  }

  keyOf(id: number): number {
    return this.#keys[id] as number;
  }

  /** The numbers of the steps from the first state to this one. */
  pathTo(id: number): readonly number[] {
    const path: number[] = [];
    for (let at = id; at !== 0; at = this.#parents[at] as number) path.push(this.#steps[at] as number);
    return path.reverse();
  }

  /** Where the key is, or would be. */
  #slotOf(key: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = scatter(key) & mask; ; slot = (slot + 1) & mask) {
      const id = this.#slots[slot] as number;
      if (id === 0 || this.#keys[id - 1] === key) return slot;
    }
  }

  #grow(): void {
    const capacity = 2 * this.#keys.length;
    this.#keys = grown(this.#keys, new Float64Array(capacity));
    this.#parents = grown(this.#parents, new Int32Array(capacity));
    this.#steps = grown(this.#steps, new Uint16Array(capacity));
    this.#slots = new Int32Array(2 * capacity);
    for (let id = 0; id < this.size; id++) this.#slots[this.#slotOf(this.keyOf(id))] = id + 1;
  }
}

const FIRST_CAPACITY = 1 << 16;

function grown<A extends Float64Array | Int32Array | Uint16Array>(from: A, to: A): A {
  to.set(from);
  return to;
}

/** Keys are integers of up to 53 bits; neighbours must not be neighbours in the table. */
function scatter(key: number): number {
  const high = Math.floor(key / 2 ** 32);
  const mixed = Math.imul(key ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b);
  return Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae35) >>> 1;
}
