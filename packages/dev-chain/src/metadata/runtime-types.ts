import type { PalletDefinition } from "./pallets.ts";
import type { TypeTable, VariantDefinition } from "./type-table.ts";

export interface SignedExtension {
  readonly identifier: string;
  readonly type: string;
  readonly additionalSigned: string;
}

/** In the order of chain.md section 1: this is the order in which their bytes are signed. */
export const SIGNED_EXTENSIONS: readonly SignedExtension[] = [
  { identifier: "CheckNonZeroSender", type: "()", additionalSigned: "()" },
  { identifier: "CheckSpecVersion", type: "()", additionalSigned: "u32" },
  { identifier: "CheckTxVersion", type: "()", additionalSigned: "u32" },
  { identifier: "CheckGenesis", type: "()", additionalSigned: "H256" },
  { identifier: "CheckMortality", type: "Era", additionalSigned: "H256" },
  { identifier: "CheckNonce", type: "Compact<u32>", additionalSigned: "()" },
  { identifier: "CheckWeight", type: "()", additionalSigned: "()" },
  { identifier: "ChargeTransactionPayment", type: "Compact<u64>", additionalSigned: "()" },
  { identifier: "SubtensorTransactionExtension", type: "()", additionalSigned: "()" },
  { identifier: "DrandPriority", type: "()", additionalSigned: "()" },
  { identifier: "CheckMetadataHash", type: "MetadataHashMode", additionalSigned: "Option<[u8; 32]>" },
];

/** Declares what the pallets' expressions refer to by name, and returns the ids of the three outer enums. */
export function declareRuntimeTypes(
  types: TypeTable,
  pallets: readonly PalletDefinition[],
): { callType: number; eventType: number; errorType: number } {
  declareAccounts(types);
  declareDispatch(types);
  types.declareComposite("Runtime", "node_subtensor_runtime::Runtime", []);
  for (const pallet of pallets) declarePallet(types, pallet);
  const callType = declareOuter(types, "RuntimeCall", "Call", pallets, ({ calls }) => calls);
  const eventType = declareOuter(types, "RuntimeEvent", "Event", pallets, ({ events }) => events);
  const errorType = declareOuter(types, "RuntimeError", "Error", pallets, ({ errors }) => errors);
  declareEventRecord(types);
  declareExtrinsic(types);
  return { callType, eventType, errorType };
}

function declareAccounts(types: TypeTable): void {
  types.declareComposite("AccountId", "sp_core::crypto::AccountId32", ["[u8; 32]"]);
  types.declareComposite("H256", "primitive_types::H256", ["[u8; 32]"]);
  types.declareVariant(
    "MultiAddress",
    "sp_runtime::multiaddress::MultiAddress",
    [
      { name: "Id", index: 0, fields: ["AccountId"] },
      { name: "Index", index: 1, fields: ["Compact<()>"] },
      { name: "Raw", index: 2, fields: ["Vec<u8>"] },
      { name: "Address32", index: 3, fields: ["[u8; 32]"] },
      { name: "Address20", index: 4, fields: ["[u8; 20]"] },
    ],
    { AccountId: "AccountId", AccountIndex: "()" },
  );
  types.declareVariant("MultiSignature", "sp_runtime::MultiSignature", [
    { name: "Ed25519", index: 0, fields: ["[u8; 64]"] },
    { name: "Sr25519", index: 1, fields: ["[u8; 64]"] },
    { name: "Ecdsa", index: 2, fields: ["[u8; 65]"] },
  ]);
  types.declareComposite("AccountData", "pallet_balances::types::AccountData", {
    free: "u64",
    reserved: "u64",
    frozen: "u64",
    flags: "u128",
  });
  const counters = { nonce: "u32", consumers: "u32", providers: "u32", sufficients: "u32" };
  types.declareComposite("AccountInfo", "frame_system::AccountInfo", { ...counters, data: "AccountData" });
  types.declareVariant("Option<u64>", "Option", optionOf("u64"), { T: "u64" });
  types.declareVariant("Option<[u8; 32]>", "Option", optionOf("[u8; 32]"), { T: "[u8; 32]" });
}

function declareDispatch(types: TypeTable): void {
  types.declareComposite("Weight", "sp_weights::weight_v2::Weight", {
    ref_time: "Compact<u64>",
    proof_size: "Compact<u64>",
  });
  types.declareVariant(
    "DispatchClass",
    "frame_support::dispatch::DispatchClass",
    unitVariants(["Normal", "Operational", "Mandatory"]),
  );
  types.declareVariant("Pays", "frame_support::dispatch::Pays", unitVariants(["Yes", "No"]));
  const dispatchInfo = { weight: "Weight", class: "DispatchClass", pays_fee: "Pays" };
  types.declareComposite("DispatchInfo", "frame_system::DispatchEventInfo", dispatchInfo);
  const feeInfo = { weight: "Weight", class: "DispatchClass", partial_fee: "u64" };
  types.declareComposite(
    "RuntimeDispatchInfo",
    "pallet_transaction_payment::types::RuntimeDispatchInfo",
    feeInfo,
  );
  types.declareComposite("ModuleError", "sp_runtime::ModuleError", { index: "u8", error: "[u8; 4]" });
  const tokenErrors = [
    "FundsUnavailable",
    "OnlyProvider",
    "BelowMinimum",
    "CannotCreate",
    "UnknownAsset",
    "Frozen",
    "Unsupported",
  ];
  types.declareVariant("TokenError", "sp_runtime::TokenError", unitVariants(tokenErrors));
  types.declareVariant("DispatchError", "sp_runtime::DispatchError", [
    ...unitVariants(["Other", "CannotLookup", "BadOrigin"]),
    { name: "Module", index: 3, fields: ["ModuleError"] },
    ...["ConsumerRemaining", "NoProviders", "TooManyConsumers"].map((name, offset) => ({
      name,
      index: 4 + offset,
    })),
    { name: "Token", index: 7, fields: ["TokenError"] },
  ]);
  types.declareVariant(
    "MetadataHashMode",
    "frame_metadata_hash_extension::Mode",
    unitVariants(["Disabled", "Enabled"]),
  );
  types.declareVariant("Era", "sp_runtime::generic::era::Era", eraVariants());
}

function declarePallet(types: TypeTable, { name, calls, events, errors }: PalletDefinition): void {
  const path = `pallet_${name.toLowerCase()}::pallet`;
  const withFields = Object.entries(calls).map(([call, { index, args }]) => ({
    name: call,
    index,
    fields: args,
  }));
  if (withFields.length > 0) types.declareVariant(`${name}.Call`, `${path}::Call`, withFields);
  const eventVariants = Object.entries(events).map(([event, { index, fields }]) => ({
    name: event,
    index,
    fields,
  }));
  if (eventVariants.length > 0) types.declareVariant(`${name}.Event`, `${path}::Event`, eventVariants);
  const errorVariants = Object.entries(errors).map(([error, index]) => ({ name: error, index }));
  if (errorVariants.length > 0) types.declareVariant(`${name}.Error`, `${path}::Error`, errorVariants);
}

type Part = (pallet: PalletDefinition) => object;

/** RuntimeCall, RuntimeEvent, RuntimeError: one variant for each pallet that has the part. */
function declareOuter(
  types: TypeTable,
  name: string,
  part: string,
  pallets: readonly PalletDefinition[],
  of: Part,
): number {
  const present = pallets.filter((pallet) => Object.keys(of(pallet)).length > 0);
  const variants = present.map((pallet) => ({
    name: pallet.name,
    index: pallet.index,
    fields: [`${pallet.name}.${part}`],
  }));
  return types.declareVariant(name, `node_subtensor_runtime::${name}`, variants);
}

function declareEventRecord(types: TypeTable): void {
  types.declareVariant("Phase", "frame_system::Phase", [
    { name: "ApplyExtrinsic", index: 0, fields: ["u32"] },
    { name: "Finalization", index: 1 },
    { name: "Initialization", index: 2 },
  ]);
  const record = { phase: "Phase", event: "RuntimeEvent", topics: "Vec<H256>" };
  types.declareComposite("EventRecord", "frame_system::EventRecord", record, {
    E: "RuntimeEvent",
    T: "H256",
  });
}

function declareExtrinsic(types: TypeTable): void {
  const extra = `(${SIGNED_EXTENSIONS.map(({ type }) => type).join(", ")})`;
  types.declareComposite(
    "UncheckedExtrinsic",
    "sp_runtime::generic::unchecked_extrinsic::UncheckedExtrinsic",
    ["Vec<u8>"],
    {
      Address: "MultiAddress",
      Call: "RuntimeCall",
      Signature: "MultiSignature",
      Extra: extra,
    },
  );
}

function optionOf(type: string): VariantDefinition[] {
  return [
    { name: "None", index: 0 },
    { name: "Some", index: 1, fields: [type] },
  ];
}

function unitVariants(names: readonly string[]): VariantDefinition[] {
  return names.map((name, index) => ({ name, index }));
}

function eraVariants(): VariantDefinition[] {
  const mortal = Array.from({ length: 255 }, (_, index) => ({
    name: `Mortal${index + 1}`,
    index: index + 1,
    fields: ["u8"],
  }));
  return [{ name: "Immortal", index: 0 }, ...mortal];
}
