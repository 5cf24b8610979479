import type { ApiPromise } from "@polkadot/api";
import { stringCamelCase } from "@polkadot/util";
import { WEIGHTS_CALL } from "./hotkey-signer.ts";

/** What of the runtime the bridge stands on, with the types it expects. Nothing is chosen by spec number (chain.md 7.3). */
const STORAGE = [
  "Uids",
  "Keys",
  "Owner",
  "OwnedHotkeys",
  "AutoStakeDestination",
  "SubnetOwner",
  "SubnetOwnerHotkey",
  "SubnetworkN",
  "Tempo",
  "LastEpochBlock",
  "PendingEpochAt",
  "SubnetEpochIndex",
  "WeightsSetRateLimit",
  "WeightsVersionKey",
  "MinAllowedWeights",
  "CommitRevealWeightsEnabled",
  "ValidatorPermit",
  "LastUpdate",
  "Weights",
] as const;

const CALL_ARGUMENTS = ["netuid:u16", "mecid:u8", "dests:Vec<u16>", "weights:Vec<u16>", "versionKey:u64"];

const EVENTS: readonly { readonly name: string; readonly types: readonly string[] }[] = [
  { name: "WeightsSet", types: ["u16", "u16"] },
  { name: "IncentiveAlphaEmittedToMiners", types: ["u16", "Vec<u64>"] },
];

/** Names of what is absent or of another shape in this runtime's metadata. */
export function findMissingCapabilities(api: ApiPromise): string[] {
  const items = api.query["subtensorModule"] ?? {};
  const storage = STORAGE.filter((name) => !items[stringCamelCase(name)]).map(
    (name) => `storage SubtensorModule.${name}`,
  );
  return [...storage, ...missingCall(api), ...EVENTS.flatMap((event) => missingEvent(api, event))];
}

function missingCall(api: ApiPromise): string[] {
  const call = api.tx["subtensorModule"]?.["setMechanismWeights"];
  const found =
    call?.meta.args.map(({ name, type }) => `${stringCamelCase(name.toString())}:${type.toString()}`) ?? [];
  const index = call ? [...call.callIndex] : [];
  const fits = found.join() === CALL_ARGUMENTS.join() && index.join() === WEIGHTS_CALL.join();
  return fits
    ? []
    : [`call SubtensorModule.set_mechanism_weights ${WEIGHTS_CALL.join(".")}(${CALL_ARGUMENTS.join(", ")})`];
}

function missingEvent(
  api: ApiPromise,
  { name, types }: { readonly name: string; readonly types: readonly string[] },
): string[] {
  const found = api.events["subtensorModule"]?.[name]?.meta.args.map((type) => type.toString()) ?? [];
  return found.join() === types.join() ? [] : [`event SubtensorModule.${name}(${types.join(", ")})`];
}
