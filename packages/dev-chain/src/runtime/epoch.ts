import type { DispatchContext } from "./dispatch.ts";
import type { Storage } from "./storage.ts";
import { proportionToU16, type YumaOutput, yuma } from "./yuma.ts";

const U16_MAX = 65_535;
const MAX_TEMPO = 50_400;
/** Alpha that a subnet mints in a block: one, before its first halving. */
const ALPHA_PER_BLOCK_RAO = 1_000_000_000n;

/** What every block does for the subnet before its extrinsics: mint into the pending maps, and run the epoch when it is due. */
export function beginBlock(context: DispatchContext, netuid: number): void {
  const { storage, blockNumber } = context;
  accrueEmission(storage, netuid);
  const sinceLastStep = storage.number("SubtensorModule.BlocksSinceLastStep", netuid) + 1;
  storage.put("SubtensorModule.BlocksSinceLastStep", [netuid], sinceLastStep);
  if (!isEpochDue(storage, netuid, blockNumber)) return;
  storage.put("SubtensorModule.LastEpochBlock", [netuid], blockNumber);
  storage.put("SubtensorModule.PendingEpochAt", [netuid], 0);
  storage.put(
    "SubtensorModule.SubnetEpochIndex",
    [netuid],
    storage.number("SubtensorModule.SubnetEpochIndex", netuid) + 1,
  );
  storage.put("SubtensorModule.BlocksSinceLastStep", [netuid], 0);
  storage.put("SubtensorModule.LastMechansimStepBlock", [netuid], blockNumber);
  runEpoch(context, netuid);
}

/** The stateful scheduler of spec 423 and later (chain.md 2.6). */
function isEpochDue(storage: Storage, netuid: number, block: number): boolean {
  const tempo = storage.number("SubtensorModule.Tempo", netuid);
  const pending = storage.number("SubtensorModule.PendingEpochAt", netuid);
  const overdue = storage.number("SubtensorModule.BlocksSinceLastStep", netuid) > MAX_TEMPO;
  return (
    tempo !== 0 &&
    ((pending > 0 && block >= pending) ||
      overdue ||
      block - storage.number("SubtensorModule.LastEpochBlock", netuid) >= tempo)
  );
}

/** First block at or after `from` whose epoch is due. */
export function nextEpochBlock(storage: Storage, netuid: number, from: number): number | undefined {
  const tempo = storage.number("SubtensorModule.Tempo", netuid);
  if (tempo === 0) return undefined;
  const pending = storage.number("SubtensorModule.PendingEpochAt", netuid);
  const regular = storage.number("SubtensorModule.LastEpochBlock", netuid) + tempo;
  return Math.max(from, pending > 0 ? Math.min(pending, regular) : regular);
}

/** 18 % to the subnet's owner, the rest in halves to miners and validators. */
function accrueEmission(storage: Storage, netuid: number): void {
  const cut = (ALPHA_PER_BLOCK_RAO * storage.bigint("SubtensorModule.SubnetOwnerCut")) / BigInt(U16_MAX);
  const server = (ALPHA_PER_BLOCK_RAO - cut) / 2n;
  add(storage, "SubtensorModule.PendingOwnerCut", [netuid], cut);
  add(storage, "SubtensorModule.PendingServerEmission", [netuid], server);
  add(storage, "SubtensorModule.PendingValidatorEmission", [netuid], ALPHA_PER_BLOCK_RAO - cut - server);
  add(storage, "SubtensorModule.SubnetAlphaOut", [netuid], ALPHA_PER_BLOCK_RAO);
}

function runEpoch(context: DispatchContext, netuid: number): void {
  const { storage } = context;
  const server = drain(storage, "SubtensorModule.PendingServerEmission", netuid);
  const validator = drain(storage, "SubtensorModule.PendingValidatorEmission", netuid);
  const ownerCut = drain(storage, "SubtensorModule.PendingOwnerCut", netuid);

  const output = yuma(readYumaInput(context, netuid));
  const total = server + validator;
  const emissions = output.serverShare.map((share) => shareOf(total, share));
  storeTerms(storage, netuid, output, total);
  context.emit("SubtensorModule.IncentiveAlphaEmittedToMiners", netuid, emissions);

  payStake(storage, netuid, storage.text("SubtensorModule.SubnetOwnerHotkey", netuid) ?? "", ownerCut);
  payMiners(context, netuid, emissions);
  // With no incentive at all the validators get the miners' half as well (chain.md 4.3).
  payValidators(
    storage,
    netuid,
    output.validatorShare,
    output.serverShare.every((share) => share === 0) ? total : validator,
  );
}

function readYumaInput(
  { storage, blockNumber }: DispatchContext,
  netuid: number,
): Parameters<typeof yuma>[0] {
  const uids = Array.from({ length: storage.number("SubtensorModule.SubnetworkN", netuid) }, (_, uid) => uid);
  const hotkeys = uids.map((uid) => storage.text("SubtensorModule.Keys", netuid, uid) ?? "");
  const ownerHotkey = storage.text("SubtensorModule.SubnetOwnerHotkey", netuid);
  const ownerUid = hotkeys.indexOf(ownerHotkey ?? "");
  return {
    block: blockNumber,
    tempo: storage.number("SubtensorModule.Tempo", netuid),
    activityCutoff: storage.number("SubtensorModule.ActivityCutoff", netuid),
    kappa: storage.number("SubtensorModule.Kappa", netuid) / U16_MAX,
    bondsAlpha: 1 - storage.number("SubtensorModule.BondsMovingAverage", netuid) / 1_000_000,
    ownerUid: ownerUid < 0 ? undefined : ownerUid,
    stakes: hotkeys.map((hotkey) =>
      Number(storage.bigint("SubtensorModule.TotalHotkeyAlpha", hotkey, netuid)),
    ),
    stakeThreshold: storage.number("SubtensorModule.StakeThreshold"),
    maxValidators: storage.number("SubtensorModule.MaxAllowedValidators", netuid),
    permits: storage.booleans("SubtensorModule.ValidatorPermit", netuid),
    lastUpdate: storage.numbers("SubtensorModule.LastUpdate", netuid),
    registeredAt: uids.map((uid) => storage.number("SubtensorModule.BlockAtRegistration", netuid, uid)),
    weights: uids.map((uid) => storage.pairs("SubtensorModule.Weights", netuid, uid)),
    bonds: uids.map((uid) => storage.pairs("SubtensorModule.Bonds", netuid, uid)),
  };
}

function storeTerms(storage: Storage, netuid: number, output: YumaOutput, total: bigint): void {
  const combined = output.serverShare.map((share, uid) =>
    shareOf(total, share + (output.validatorShare[uid] ?? 0)),
  );
  const u16 = (values: readonly number[]) => values.map(proportionToU16);
  storage.put("SubtensorModule.Incentive", [netuid], u16(output.incentive));
  storage.put("SubtensorModule.Dividends", [netuid], u16(output.dividends));
  storage.put("SubtensorModule.Consensus", [netuid], u16(output.consensus));
  storage.put("SubtensorModule.ValidatorTrust", [netuid], u16(output.validatorTrust));
  storage.put("SubtensorModule.ValidatorPermit", [netuid], output.permits);
  storage.put("SubtensorModule.Active", [netuid], output.active);
  storage.put("SubtensorModule.Emission", [netuid], combined);
  output.bonds.forEach((row, uid) => storage.put("SubtensorModule.Bonds", [netuid, uid], row));
}

/** Miners are paid as stake on their own hotkey or their coldkey's chosen one; hotkeys of the subnet's owner are not paid at all. */
function payMiners({ storage, emit }: DispatchContext, netuid: number, emissions: readonly bigint[]): void {
  const subnetOwner = storage.text("SubtensorModule.SubnetOwner", netuid);
  const ownerHotkey = storage.text("SubtensorModule.SubnetOwnerHotkey", netuid);
  for (const [uid, amount] of emissions.entries()) {
    const hotkey = storage.text("SubtensorModule.Keys", netuid, uid) ?? "";
    const coldkey = storage.text("SubtensorModule.Owner", hotkey) ?? "";
    if (amount === 0n || hotkey === ownerHotkey || coldkey === subnetOwner) continue;
    const destination = storage.text("SubtensorModule.AutoStakeDestination", coldkey, netuid);
    if (destination) emit("SubtensorModule.AutoStakeAdded", netuid, destination, hotkey, coldkey, amount);
    payStake(storage, netuid, destination ?? hotkey, amount);
  }
}

function payValidators(storage: Storage, netuid: number, shares: readonly number[], pending: bigint): void {
  const total = shares.reduce((sum, share) => sum + share, 0);
  if (total === 0) return;
  for (const [uid, share] of shares.entries()) {
    if (share > 0)
      payStake(
        storage,
        netuid,
        storage.text("SubtensorModule.Keys", netuid, uid) ?? "",
        shareOf(pending, share / total),
      );
  }
}

function payStake(storage: Storage, netuid: number, hotkey: string, amount: bigint): void {
  if (amount > 0n) add(storage, "SubtensorModule.TotalHotkeyAlpha", [hotkey, netuid], amount);
}

function drain(storage: Storage, item: string, netuid: number): bigint {
  const pending = storage.bigint(item, netuid);
  storage.put(item, [netuid], 0);
  return pending;
}

function add(storage: Storage, item: string, args: readonly unknown[], amount: bigint): void {
  storage.put(item, args, storage.bigint(item, ...args) + amount);
}

/** Truncated, as the chain does; the share has 48 good bits, which leaves less than one RAO of error at these amounts. */
function shareOf(total: bigint, share: number): bigint {
  return (total * BigInt(Math.floor(share * 2 ** 48))) >> 48n;
}
