import type { ApiDecoration } from "@polkadot/api/types";
import type { Codec } from "@polkadot/types/types";
import type { Neuron, Subnet } from "../domain/plan-weights.ts";
import type { Payee, SubnetOwner } from "../domain/rewards.ts";
import type { BlockRef } from "./chain.ts";
import { toBigint, toBoolean, toList, toNumber, toOptionalText } from "./decode.ts";

/** The state of one block. */
export type ApiAt = ApiDecoration<"promise">;

export interface SubnetKey {
  readonly netuid: number;
  readonly mecid: number;
}

const MECHANISM_STRIDE = 4096;

/** NetUidStorageIndex: how weights, incentives and their events are keyed (chain.md 1.1). */
export function storageIndexOf({ netuid, mecid }: SubnetKey): number {
  return netuid + mecid * MECHANISM_STRIDE;
}

export function subnetKeyOf(storageIndex: number): SubnetKey {
  return { netuid: storageIndex % MECHANISM_STRIDE, mecid: Math.floor(storageIndex / MECHANISM_STRIDE) };
}

export async function readSubnet(at: ApiAt, key: SubnetKey, block: BlockRef): Promise<Subnet> {
  const { netuid } = key;
  const read = (item: string, index = netuid) => query(at, item)(index);
  const [
    tempo,
    epoch,
    lastEpoch,
    pendingEpoch,
    commitReveal,
    rateLimit,
    versionKey,
    minimum,
    owner,
    permits,
    updates,
    hotkeys,
    now,
  ] = await Promise.all([
    read("tempo"),
    read("subnetEpochIndex"),
    read("lastEpochBlock"),
    read("pendingEpochAt"),
    read("commitRevealWeightsEnabled"),
    read("weightsSetRateLimit"),
    read("weightsVersionKey"),
    read("minAllowedWeights"),
    read("subnetOwnerHotkey"),
    read("validatorPermit"),
    read("lastUpdate", storageIndexOf(key)),
    readHotkeys(at, netuid),
    entry(at, "timestamp", "now")(),
  ]);
  const permitOf = toList(permits).map(toBoolean);
  const updateOf = toList(updates).map(toNumber);
  const neurons = hotkeys.map(
    (hotkey, uid): Neuron => ({
      uid,
      hotkey,
      validatorPermit: permitOf[uid] ?? false,
      lastUpdate: updateOf[uid] ?? 0,
    }),
  );
  return {
    block: block.number,
    blockHash: block.hash,
    time: new Date(toNumber(now)),
    tempo: toNumber(tempo),
    epoch: toNumber(epoch),
    lastEpochBlock: toNumber(lastEpoch),
    nextEpochBlock: nextEpochBlock(
      block.number,
      toNumber(tempo),
      toNumber(lastEpoch),
      toNumber(pendingEpoch),
    ),
    commitRevealEnabled: toBoolean(commitReveal),
    weightsRateLimit: toNumber(rateLimit),
    weightsVersionKey: toBigint(versionKey),
    minAllowedWeights: toNumber(minimum),
    ownerHotkey: owner.toString(),
    neurons,
  };
}

export async function readPayees(
  at: ApiAt,
  netuid: number,
): Promise<{ payees: readonly Payee[]; owner: SubnetOwner }> {
  const [hotkeys, ownerHotkey, ownerColdkey] = await Promise.all([
    readHotkeys(at, netuid),
    query(at, "subnetOwnerHotkey")(netuid),
    query(at, "subnetOwner")(netuid),
  ]);
  const coldkeys = (await multi(at, "owner", hotkeys)).map((coldkey) => coldkey.toString());
  const destinations = await multi(
    at,
    "autoStakeDestination",
    coldkeys.map((coldkey) => [coldkey, netuid]),
  );
  const payees = hotkeys.map((hotkey, uid) => ({
    uid,
    hotkey,
    coldkey: coldkeys[uid] ?? "",
    autoStakeHotkey: toOptionalText(destinations[uid]),
  }));
  return { payees, owner: { hotkey: ownerHotkey.toString(), coldkey: ownerColdkey.toString() } };
}

export function query(at: ApiAt, item: string): (...args: unknown[]) => Promise<Codec> {
  return entry(at, "subtensorModule", item);
}

function entry(at: ApiAt, section: string, item: string): (...args: unknown[]) => Promise<Codec> {
  const found = at.query[section]?.[item];
  if (!found) throw new Error(`The runtime has no storage ${section}.${item}`);
  return found;
}

function multi(at: ApiAt, item: string, keys: readonly unknown[]): Promise<Codec[]> {
  const found = at.query["subtensorModule"]?.[item];
  if (!found) throw new Error(`The runtime has no storage subtensorModule.${item}`);
  return keys.length === 0 ? Promise.resolve([]) : found.multi([...keys]);
}

/** By uid: uids are contiguous from 0. */
async function readHotkeys(at: ApiAt, netuid: number): Promise<string[]> {
  const count = toNumber(await query(at, "subnetworkN")(netuid));
  const uids = Array.from({ length: count }, (_, uid) => [netuid, uid]);
  return (await multi(at, "keys", uids)).map((hotkey) => hotkey.toString());
}

/** The stateful scheduler's next epoch as far as it is known now (chain.md 2.6); 0 for a subnet that has none. */
function nextEpochBlock(block: number, tempo: number, lastEpoch: number, pendingEpoch: number): number {
  if (tempo === 0) return 0;
  const regular = lastEpoch + tempo;
  return Math.max(block + 1, pendingEpoch > 0 ? Math.min(pendingEpoch, regular) : regular);
}
