import { newId } from "@gradients/kernel";
import { ledgerEntriesOf, type Reward } from "../domain/rewards.ts";
import type { BridgeDatabase, BridgeTx, ChainKey } from "./schema.ts";

export interface StoredReward extends Reward {
  readonly rewardId: string;
}

export interface RewardRow {
  readonly rewardId: string;
  readonly epoch: bigint;
  readonly blockNumber: bigint;
  readonly uid: number;
  readonly hotkey: string;
  readonly amountRao: bigint;
}

export interface RewardBlock {
  readonly number: number;
  readonly hash: string;
  readonly epoch: number;
}

/**
 * Rows and ledger entries of one block's rewards, in the transaction that moves the cursor over that block. A reward that is known, because blocks
 * are read again after the cursor was set back, is left as it is; what is returned is new.
 */
export async function bookRewards(
  tx: BridgeTx,
  key: ChainKey,
  block: RewardBlock,
  rewards: readonly Reward[],
): Promise<StoredReward[]> {
  if (rewards.length === 0) return [];
  const candidates = rewards.map((reward) => ({ ...reward, rewardId: newId(), transactionId: newId() }));
  const inserted = await tx
    .insertInto("reward")
    .values(
      candidates.map((reward) => ({
        reward_id: reward.rewardId,
        genesis_hash: key.genesisHash,
        netuid: key.netuid,
        mecid: reward.mecid,
        epoch: BigInt(block.epoch),
        block_number: BigInt(block.number),
        block_hash: block.hash,
        uid: reward.uid,
        hotkey: reward.hotkey,
        coldkey: reward.coldkey,
        destination_hotkey: reward.destinationHotkey,
        amount_rao: reward.amountRao,
        status: reward.status,
      })),
    )
    .onConflict((conflict) =>
      conflict.columns(["genesis_hash", "netuid", "mecid", "block_number", "uid"]).doNothing(),
    )
    .returning("reward_id")
    .execute();
  const isNew = new Set(inserted.map(({ reward_id }) => reward_id));
  const booked = candidates.filter(({ rewardId }) => isNew.has(rewardId));
  if (booked.length === 0) return [];
  const transactions = booked.map(({ transactionId, rewardId }) => ({
    transaction_id: transactionId,
    kind: "reward" as const,
    reward_id: rewardId,
  }));
  await tx.insertInto("ledger_transaction").values(transactions).execute();
  const entries = booked.flatMap((reward) =>
    ledgerEntriesOf(reward, key.netuid).map(({ account, amountRao }) => ({
      transaction_id: reward.transactionId,
      account,
      amount_rao: amountRao,
    })),
  );
  await tx.insertInto("ledger_entry").values(entries).execute();
  return booked;
}

/** Paid rewards, newest first. Index reward_by_hotkey. */
export async function listRewards(
  { q }: BridgeDatabase,
  key: ChainKey,
  hotkey: string | undefined,
  limit: number,
): Promise<RewardRow[]> {
  const rows = await paid(q, key, hotkey)
    .select(["reward_id", "epoch", "block_number", "uid", "hotkey", "amount_rao"])
    .orderBy("block_number", "desc")
    .orderBy("uid")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    rewardId: row.reward_id,
    epoch: row.epoch,
    blockNumber: row.block_number,
    uid: row.uid,
    hotkey: row.hotkey,
    amountRao: row.amount_rao,
  }));
}

/** All that each hotkey was ever paid, most first. Index reward_by_hotkey. */
export async function sumRewards(
  { q }: BridgeDatabase,
  key: ChainKey,
  hotkey: string | undefined,
): Promise<{ readonly hotkey: string; readonly amountRao: bigint }[]> {
  const rows = await paid(q, key, hotkey)
    .select(({ fn }) => ["hotkey", fn.sum<string>("amount_rao").as("amount_rao")])
    .groupBy("hotkey")
    .orderBy("amount_rao", "desc")
    .execute();
  return rows.map((row) => ({ hotkey: row.hotkey, amountRao: BigInt(row.amount_rao) }));
}

function paid(q: BridgeDatabase["q"], key: ChainKey, hotkey: string | undefined) {
  const query = q
    .selectFrom("reward")
    .where("genesis_hash", "=", key.genesisHash)
    .where("netuid", "=", key.netuid)
    .where("status", "=", "paid");
  return hotkey === undefined ? query : query.where("hotkey", "=", hotkey);
}
