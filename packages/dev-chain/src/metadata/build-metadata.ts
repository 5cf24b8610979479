import { TypeRegistry } from "@polkadot/types";
import { type PalletDefinition, pallets, runtimeApis, type StorageDefinition } from "./pallets.ts";
import { declareRuntimeTypes, SIGNED_EXTENSIONS } from "./runtime-types.ts";
import { TypeTable } from "./type-table.ts";

const MAGIC = 0x6174_656d; // "meta", little-endian

/** The runtime's metadata, version 15, as SCALE bytes with magic number and version. */
export function buildMetadata(): Uint8Array {
  const types = new TypeTable();
  const outer = declareRuntimeTypes(types, pallets);
  const registry = new TypeRegistry();
  const metadata = {
    pallets: pallets.map((pallet) => toPallet(registry, types, pallet)),
    extrinsic: {
      version: 4,
      addressType: types.id("MultiAddress"),
      callType: types.id("RuntimeCall"),
      signatureType: types.id("MultiSignature"),
      extraType: types.id(`(${SIGNED_EXTENSIONS.map(({ type }) => type).join(", ")})`),
      signedExtensions: SIGNED_EXTENSIONS.map(({ identifier, type, additionalSigned }) => ({
        identifier,
        type: types.id(type),
        additionalSigned: types.id(additionalSigned),
      })),
    },
    type: types.id("Runtime"),
    apis: runtimeApis.map(({ name, methods }) => toApi(types, name, methods)),
    outerEnums: outer,
    custom: { map: new Map() },
  };
  const encoded = registry.createType("MetadataV15", { lookup: types.toPortable(), ...metadata }).toU8a();
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32LE(MAGIC);
  prefix.writeUInt8(15, 4);
  return Buffer.concat([prefix, encoded]);
}

function toPallet(registry: TypeRegistry, types: TypeTable, pallet: PalletDefinition): object {
  const items = Object.entries(pallet.storage).map(([name, item]) =>
    toStorageItem(registry, types, name, item),
  );
  const has = (part: object) => Object.keys(part).length > 0;
  return {
    name: pallet.name,
    index: pallet.index,
    docs: [],
    storage: items.length > 0 ? { prefix: pallet.name, items } : null,
    calls: has(pallet.calls) ? { type: types.id(`${pallet.name}.Call`) } : null,
    events: has(pallet.events) ? { type: types.id(`${pallet.name}.Event`) } : null,
    errors: has(pallet.errors) ? { type: types.id(`${pallet.name}.Error`) } : null,
    constants: Object.entries(pallet.constants).map(([name, { type, value }]) => ({
      name,
      type: types.id(type),
      value: Array.from(registry.createType(type, value).toU8a()),
      docs: [],
    })),
  };
}

function toStorageItem(
  registry: TypeRegistry,
  types: TypeTable,
  name: string,
  item: StorageDefinition,
): object {
  const keys = item.keys.map(([, type]) => type);
  const key = keys.length === 1 ? (keys[0] ?? "") : `(${keys.join(", ")})`;
  const value = types.id(item.value);
  const type =
    keys.length === 0
      ? { Plain: value }
      : { Map: { hashers: item.keys.map(([hasher]) => hasher), key: types.id(key), value } };
  return {
    name,
    modifier: item.optional ? "Optional" : "Default",
    type,
    fallback: fallbackOf(registry, item),
    docs: [],
  };
}

/** SCALE bytes that an absent entry reads as. */
function fallbackOf(registry: TypeRegistry, item: StorageDefinition): number[] {
  if (item.optional) return [0];
  const length = ZERO_LENGTHS[item.value] ?? (item.value.startsWith("Vec<") ? 1 : undefined);
  if (length === undefined) return Array.from(registry.createType(item.value, item.fallback ?? 0).toU8a());
  return Array.from({ length }, () => 0);
}

/** Encoded lengths of the composites that are all zero by default. */
const ZERO_LENGTHS: Readonly<Record<string, number>> = { AccountId: 32, H256: 32, AccountInfo: 56 };

function toApi(
  types: TypeTable,
  name: string,
  methods: Readonly<Record<string, { inputs: Record<string, string>; output: string }>>,
): object {
  const toMethod = ([method, { inputs, output }]: [
    string,
    { inputs: Record<string, string>; output: string },
  ]) => ({
    name: method,
    inputs: Object.entries(inputs).map(([input, type]) => ({ name: input, type: types.id(type) })),
    output: types.id(output),
    docs: [],
  });
  return { name, methods: Object.entries(methods).map(toMethod), docs: [] };
}
