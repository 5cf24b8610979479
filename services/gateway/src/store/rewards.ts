import type { JobId } from "@gradients/kernel";
import { sql } from "kysely";
import type { Payment } from "../domain/job.ts";
import type { GatewayTx } from "./database.ts";

export interface WeightVector {
  readonly submissionId: string;
  /** The chain: a block number means nothing without it. */
  readonly genesisHash: string;
  readonly epoch: bigint;
  readonly blockNumber: bigint;
  readonly jobIds: readonly JobId[];
}

export interface Reward {
  readonly rewardId: string;
  readonly genesisHash: string;
  readonly epoch: bigint;
  readonly hotkey: string;
  readonly amountRao: bigint;
  readonly blockNumber: bigint;
}

/** Of a reward and the weights that led to it, the later one to hold this lock sees the other. Taken before any job's lock, held until the end of the transaction. */
export async function lockPayments(tx: GatewayTx): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(current_schema() || ' payments', 0))`.execute(tx);
}

export async function insertWeightVector(
  tx: GatewayTx,
  { submissionId, genesisHash, epoch, blockNumber, jobIds }: WeightVector,
): Promise<void> {
  const vector = {
    submission_id: submissionId,
    genesis_hash: genesisHash,
    epoch,
    block_number: blockNumber,
  };
  await tx
    .insertInto("weight_vector")
    .values(vector)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  if (jobIds.length === 0) return;
  const jobs = jobIds.map((jobId) => ({ submission_id: submissionId, job_id: jobId }));
  await tx
    .insertInto("weight_vector_job")
    .values(jobs)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** False when this reward is known. */
export async function insertReward(tx: GatewayTx, reward: Reward): Promise<boolean> {
  const row = {
    reward_id: reward.rewardId,
    genesis_hash: reward.genesisHash,
    epoch: reward.epoch,
    hotkey: reward.hotkey,
    amount_rao: reward.amountRao.toString(),
    block_number: reward.blockNumber,
  };
  const { numInsertedOrUpdatedRows } = await tx
    .insertInto("reward")
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** In the order of their ids, in which they can be locked: jobs with an attempt of this hotkey whose verdict was in the weights in force before the block. Indexes weight_vector_by_block, attempt_by_job. */
export async function findJobsPaidBy(
  tx: GatewayTx,
  { hotkey, genesisHash, blockNumber }: Reward,
): Promise<readonly JobId[]> {
  const rows = await tx
    .selectFrom("weight_vector_job as member")
    .innerJoin("attempt", "attempt.job_id", "member.job_id")
    .select("member.job_id")
    .distinct()
    .where("attempt.contestant_hotkey", "=", hotkey)
    .where("member.submission_id", "=", (eb) =>
      eb
        .selectFrom("weight_vector")
        .select("weight_vector.submission_id")
        .where("weight_vector.genesis_hash", "=", genesisHash)
        .where("weight_vector.block_number", "<", blockNumber)
        .orderBy("weight_vector.block_number", "desc")
        .limit(1),
    )
    .orderBy("member.job_id")
    .execute();
  return rows.map((row) => row.job_id);
}

/** Whether a reward of a later block of the same chain is known. */
export async function areRewardsAfter(
  tx: GatewayTx,
  { genesisHash, blockNumber }: WeightVector,
): Promise<boolean> {
  const row = await tx
    .selectFrom("reward")
    .select("reward_id")
    .where("genesis_hash", "=", genesisHash)
    .where("block_number", ">", blockNumber)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** What each of these hotkeys was paid while weights with this job were in force. Indexes reward_by_hotkey, weight_vector_by_block. */
export async function sumPayments(
  tx: GatewayTx,
  jobId: JobId,
  hotkeys: readonly string[],
): Promise<readonly Payment[]> {
  if (hotkeys.length === 0) return [];
  const rows = await tx
    .selectFrom("reward")
    .select(["hotkey", sql<string>`sum(amount_rao)::text`.as("amount_rao")])
    .select(({ fn }) => [
      fn.max<bigint>("epoch").as("epoch"),
      fn.max<bigint>("reward.block_number").as("block_number"),
    ])
    .where("hotkey", "in", hotkeys)
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom("weight_vector_job as member")
          .select("member.job_id")
          .where("member.job_id", "=", jobId)
          .where("member.submission_id", "=", (eb) =>
            eb
              .selectFrom("weight_vector")
              .select("weight_vector.submission_id")
              .whereRef("weight_vector.genesis_hash", "=", "reward.genesis_hash")
              .whereRef("weight_vector.block_number", "<", "reward.block_number")
              .orderBy("weight_vector.block_number", "desc")
              .limit(1),
          ),
      ),
    )
    .groupBy("hotkey")
    .orderBy("hotkey")
    .execute();
  return rows.map((row) => ({
    contestantHotkey: row.hotkey,
    amountRao: BigInt(row.amount_rao),
    epoch: row.epoch,
    blockNumber: row.block_number,
  }));
}
