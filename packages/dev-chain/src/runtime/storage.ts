import type { Codec } from "@polkadot/types/types";
import type { RuntimeCodec } from "./codec.ts";

/** State of one block: storage key (hex) to SCALE bytes. */
export type State = ReadonlyMap<string, Uint8Array>;

/** Typed access to one state. Writes go to a private copy, so the block that the copy came from never changes. */
export class Storage {
  readonly codec: RuntimeCodec;
  #entries: Map<string, Uint8Array>;

  constructor(codec: RuntimeCodec, base: State) {
    this.codec = codec;
    this.#entries = new Map(base);
  }

  get state(): State {
    return this.#entries;
  }

  /** Runs `change`; what it wrote is undone when it throws. */
  transact<T>(change: () => T): T {
    const before = new Map(this.#entries);
    try {
      return change();
    } catch (error) {
      this.#entries = before;
      throw error;
    }
  }

  number(item: string, ...args: readonly unknown[]): number {
    return Number(this.#read(item, args)?.toString() ?? 0);
  }

  bigint(item: string, ...args: readonly unknown[]): bigint {
    return BigInt(this.#read(item, args)?.toString() ?? 0);
  }

  boolean(item: string, ...args: readonly unknown[]): boolean {
    return this.#read(item, args)?.toPrimitive() === true;
  }

  /** An account id (ss58) or any other text form; undefined where the entry is absent and optional. */
  text(item: string, ...args: readonly unknown[]): string | undefined {
    return this.#read(item, args)?.toString();
  }

  numbers(item: string, ...args: readonly unknown[]): number[] {
    return listOf(this.#read(item, args), (value) => Number(value.toString()));
  }

  bigints(item: string, ...args: readonly unknown[]): bigint[] {
    return listOf(this.#read(item, args), (value) => BigInt(value.toString()));
  }

  booleans(item: string, ...args: readonly unknown[]): boolean[] {
    return listOf(this.#read(item, args), (value) => value.toPrimitive() === true);
  }

  texts(item: string, ...args: readonly unknown[]): string[] {
    return listOf(this.#read(item, args), (value) => value.toString());
  }

  /** `Vec<(u16, u16)>`. */
  pairs(item: string, ...args: readonly unknown[]): (readonly [number, number])[] {
    return listOf(this.#read(item, args), (value) => {
      const [left = 0, right = 0] = JSON.parse(JSON.stringify(value.toJSON())) as number[];
      return [left, right] as const;
    });
  }

  codecOf(item: string, ...args: readonly unknown[]): Codec | null {
    return this.#read(item, args);
  }

  put(item: string, args: readonly unknown[], value: unknown): void {
    this.#entries.set(this.codec.key(item, ...args), this.codec.encodeValue(item, value));
  }

  putRaw(item: string, bytes: Uint8Array): void {
    this.#entries.set(this.codec.key(item), bytes);
  }

  remove(item: string, ...args: readonly unknown[]): void {
    this.#entries.delete(this.codec.key(item, ...args));
  }

  #read(item: string, args: readonly unknown[]): Codec | null {
    return this.codec.decodeValue(item, this.#entries.get(this.codec.key(item, ...args)));
  }
}

function listOf<T>(codec: Codec | null, read: (value: Codec) => T): T[] {
  return codec ? Array.from(codec as unknown as Iterable<Codec>, read) : [];
}
