import { type DispatchContext, invalid, moduleFailure } from "./dispatch.ts";
import type { Storage } from "./storage.ts";

export interface SetWeights {
  readonly netuid: number;
  readonly mecid: number;
  readonly uids: readonly number[];
  readonly weights: readonly number[];
  readonly versionKey: bigint;
}

const ROOT_NETUID = 0;
/** Mechanisms of a subnet that has not added any: the main one. */
const MECHANISMS = 1;
const U16_MAX = 65_535;

/** What the transaction extension refuses before dispatch, with the codes of chain.md 2.5. */
export function checkWeightsBeforeDispatch(
  storage: Storage,
  hotkey: string,
  call: SetWeights,
  block: number,
): void {
  if (call.uids.length !== call.weights.length) throw invalid.custom(18);
  const uid = uidOf(storage, call.netuid, hotkey);
  if (uid === undefined) throw invalid.custom(19);
  if (!hasEnoughStake(storage, call.netuid, hotkey)) throw invalid.custom(1);
  if (
    !storage.boolean("SubtensorModule.CommitRevealWeightsEnabled", call.netuid) &&
    isTooFast(storage, call.netuid, uid, block)
  )
    throw invalid.custom(6);
}

/** set_weights and set_mechanism_weights, with the checks in the chain's own order (chain.md 2.2). */
export function setWeights(context: DispatchContext, hotkey: string, call: SetWeights): void {
  const { storage, blockNumber } = context;
  const { netuid, mecid, uids, weights } = call;
  const refuseIf = (refused: boolean, error: string) => {
    if (refused) throw moduleFailure(context.codec, `SubtensorModule.${error}`);
  };
  const size = storage.number("SubtensorModule.SubnetworkN", netuid);

  refuseIf(storage.boolean("SubtensorModule.CommitRevealWeightsEnabled", netuid), "CommitRevealEnabled");
  refuseIf(netuid === ROOT_NETUID, "CanNotSetRootNetworkWeights");
  refuseIf(uids.length !== weights.length, "WeightVecNotEqualSize");
  refuseIf(
    !storage.boolean("SubtensorModule.NetworksAdded", netuid) || mecid >= MECHANISMS,
    "MechanismDoesNotExist",
  );
  refuseIf(uids.length > size, "UidsLengthExceedUidsInSubNet");
  const uid = uidOf(storage, netuid, hotkey);
  if (uid === undefined) throw moduleFailure(context.codec, "SubtensorModule.HotKeyNotRegisteredInSubNet");
  refuseIf(!hasEnoughStake(storage, netuid, hotkey), "NotEnoughStakeToSetWeights");
  const requiredVersion = storage.bigint("SubtensorModule.WeightsVersionKey", netuid);
  refuseIf(requiredVersion !== 0n && call.versionKey < requiredVersion, "IncorrectWeightVersionKey");
  refuseIf(isTooFast(storage, netuid, uid, blockNumber), "SettingWeightsTooFast");
  const selfWeight = uids.length === 1 && uids[0] === uid;
  refuseIf(!selfWeight && !isPermitted(storage, netuid, uid, hotkey), "NeuronNoValidatorPermit");
  refuseIf(new Set(uids).size !== uids.length, "DuplicateUids");
  refuseIf(
    uids.some((target) => target >= size),
    "UidVecContainInvalidOne",
  );
  const minimum = Math.min(storage.number("SubtensorModule.MinAllowedWeights", netuid), size);
  refuseIf(!selfWeight && uids.length < minimum, "WeightVecLengthIsLow");

  const upscaled = maxUpscaled(weights);
  storage.put(
    "SubtensorModule.Weights",
    [netuid, uid],
    uids.map((target, position) => [target, upscaled[position] ?? 0]),
  );
  const lastUpdate = storage.bigints("SubtensorModule.LastUpdate", netuid);
  lastUpdate[uid] = BigInt(blockNumber);
  storage.put("SubtensorModule.LastUpdate", [netuid], lastUpdate);
  context.emit("SubtensorModule.WeightsSet", netuid, uid);
}

/** The stored vector: scaled so that its maximum is 65535, in the chain's I32F32 arithmetic (chain.md 2.3). */
export function maxUpscaled(weights: readonly number[]): number[] {
  const maximum = BigInt(Math.max(0, ...weights));
  if (maximum === 0n) return [...weights];
  const scale = (weight: bigint) =>
    maximum > 32_768n
      ? weight * ((BigInt(U16_MAX) << 32n) / maximum)
      : ((weight * BigInt(U16_MAX)) << 32n) / maximum;
  const rounded = (fixed: bigint) => Number((fixed + (1n << 31n)) >> 32n);
  return weights.map((weight) => Math.min(U16_MAX, rounded(scale(BigInt(weight)))));
}

function uidOf(storage: Storage, netuid: number, hotkey: string): number | undefined {
  const uid = storage.text("SubtensorModule.Uids", netuid, hotkey);
  return uid === undefined ? undefined : Number(uid);
}

function hasEnoughStake(storage: Storage, netuid: number, hotkey: string): boolean {
  if (isOwnerHotkey(storage, netuid, hotkey)) return true;
  return (
    storage.bigint("SubtensorModule.TotalHotkeyAlpha", hotkey, netuid) >=
    storage.bigint("SubtensorModule.StakeThreshold")
  );
}

function isPermitted(storage: Storage, netuid: number, uid: number, hotkey: string): boolean {
  return (
    isOwnerHotkey(storage, netuid, hotkey) ||
    storage.booleans("SubtensorModule.ValidatorPermit", netuid)[uid] === true
  );
}

function isOwnerHotkey(storage: Storage, netuid: number, hotkey: string): boolean {
  return storage.text("SubtensorModule.SubnetOwnerHotkey", netuid) === hotkey;
}

function isTooFast(storage: Storage, netuid: number, uid: number, block: number): boolean {
  const last = storage.numbers("SubtensorModule.LastUpdate", netuid)[uid] ?? 0;
  return last !== 0 && block - last < storage.number("SubtensorModule.WeightsSetRateLimit", netuid);
}
