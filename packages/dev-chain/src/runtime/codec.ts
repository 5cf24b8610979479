import type { GenericExtrinsic } from "@polkadot/types";
import { expandMetadata, Metadata, TypeRegistry } from "@polkadot/types";
import type { StorageEntry } from "@polkadot/types/primitive/types";
import type { Codec } from "@polkadot/types/types";
import { stringCamelCase, u8aToHex } from "@polkadot/util";

/** Extensions without bytes of their own; named here so that the registry does not warn about them. */
const SILENT_EXTENSIONS = {
  SubtensorTransactionExtension: { extrinsic: {}, payload: {} },
  DrandPriority: { extrinsic: {}, payload: {} },
};

/** What the runtime's metadata says about keys, values, calls and events. Everything that is encoded or decoded goes through it. */
export class RuntimeCodec {
  readonly registry = new TypeRegistry();
  readonly metadata: Uint8Array;
  readonly #decorated: ReturnType<typeof expandMetadata>;

  constructor(metadata: Uint8Array) {
    this.metadata = metadata;
    const decoded = new Metadata(this.registry, u8aToHex(metadata));
    this.registry.setMetadata(decoded, undefined, SILENT_EXTENSIONS);
    this.#decorated = expandMetadata(this.registry, decoded);
  }

  /** Storage key of `item` ("SubtensorModule.Uids") as hex. */
  key(item: string, ...args: readonly unknown[]): string {
    const entry = this.#entry(item);
    const compactPrefixed = args.length > 0 ? entry(...args) : entry();
    return u8aToHex(this.registry.createType("Bytes", compactPrefixed));
  }

  /** The value of a storage entry from its bytes; an absent one reads as the metadata's default. Absent optional entries are `null`. */
  decodeValue(item: string, bytes: Uint8Array | undefined): Codec | null {
    const { meta } = this.#entry(item);
    if (!bytes && meta.modifier.isOptional) return null;
    const type = meta.type.isPlain ? meta.type.asPlain : meta.type.asMap.value;
    return this.registry.createTypeUnsafe(this.registry.createLookupType(type), [
      bytes ?? meta.fallback.toU8a(true),
    ]);
  }

  encodeValue(item: string, value: unknown): Uint8Array {
    const { type } = this.#entry(item).meta;
    const valueType = type.isPlain ? type.asPlain : type.asMap.value;
    return this.registry.createTypeUnsafe(this.registry.createLookupType(valueType), [value]).toU8a();
  }

  /** A runtime event, `[pallet index, event index, fields]` encoded, from e.g. ("Balances.Transfer", [from, to, amount]). */
  encodeEvent(event: string, values: readonly unknown[]): Uint8Array {
    const [pallet, name] = splitPath(event);
    const meta = this.#decorated.events[stringCamelCase(pallet)]?.[name]?.meta;
    if (!meta) throw new Error(`No such event in the metadata: ${event}`);
    const palletIndex = this.#palletIndex(pallet);
    const fields = meta.fields.map((field, position) =>
      this.registry.createTypeUnsafe(this.registry.createLookupType(field.type), [values[position]]).toU8a(),
    );
    return Buffer.concat([Uint8Array.of(palletIndex, meta.index.toNumber()), ...fields]);
  }

  /** `{ index, error }` of a module error named e.g. "SubtensorModule.SettingWeightsTooFast". */
  moduleError(path: string): { readonly index: number; readonly error: readonly number[] } {
    const [pallet, name] = splitPath(path);
    const meta = this.#decorated.errors[stringCamelCase(pallet)]?.[name]?.meta;
    if (!meta) throw new Error(`No such error in the metadata: ${path}`);
    return { index: this.#palletIndex(pallet), error: [meta.index.toNumber(), 0, 0, 0] };
  }

  decodeExtrinsic(bytes: Uint8Array): GenericExtrinsic {
    return this.registry.createType("Extrinsic", bytes) as unknown as GenericExtrinsic;
  }

  /** Bytes of the unsigned extrinsic that sets the block's time. */
  timestampInherent(unixMilliseconds: number): Uint8Array {
    const set = this.#decorated.tx["timestamp"]?.["set"];
    if (!set) throw new Error("The metadata has no Timestamp.set");
    return this.registry.createType("Extrinsic", set(unixMilliseconds)).toU8a();
  }

  #entry(item: string): StorageEntry {
    const [pallet, name] = splitPath(item);
    const section = this.#decorated.query[stringCamelCase(pallet)];
    const entry = section?.[stringCamelCase(name)];
    if (!entry) throw new Error(`No such storage item in the metadata: ${item}`);
    return entry;
  }

  #palletIndex(name: string): number {
    const pallet = this.registry.metadata.pallets.find((candidate) => candidate.name.toString() === name);
    if (!pallet) throw new Error(`No such pallet in the metadata: ${name}`);
    return pallet.index.toNumber();
  }
}

function splitPath(path: string): readonly [string, string] {
  const [pallet = "", name = ""] = path.split(".");
  return [pallet, name];
}
