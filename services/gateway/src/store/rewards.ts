import type { JobId } from "@gradients/kernel";
import type { GatewayTx } from "./database.ts";

export interface WeightVector {
  readonly submissionId: string;
  readonly epoch: bigint;
  readonly blockNumber: bigint;
  readonly jobIds: readonly JobId[];
}

export interface Reward {
  readonly rewardId: string;
  readonly epoch: bigint;
  readonly hotkey: string;
  readonly amountRao: bigint;
  readonly blockNumber: bigint;
}

export async function insertWeightVector(
  tx: GatewayTx,
  { submissionId, epoch, blockNumber, jobIds }: WeightVector,
): Promise<void> {
  const vector = { submission_id: submissionId, epoch, block_number: blockNumber };
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

export async function insertReward(tx: GatewayTx, reward: Reward): Promise<void> {
  const row = {
    reward_id: reward.rewardId,
    epoch: reward.epoch,
    hotkey: reward.hotkey,
    amount_rao: reward.amountRao.toString(),
    block_number: reward.blockNumber,
  };
  await tx
    .insertInto("reward")
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** In the order of their ids, in which they can be locked: jobs with an attempt of this hotkey whose verdict was in the weights in force before the block. Indexes weight_vector_by_block, attempt_by_job. */
export async function findJobsPaidBy(
  tx: GatewayTx,
  hotkey: string,
  blockNumber: bigint,
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
        .where("weight_vector.block_number", "<", blockNumber)
        .orderBy("weight_vector.block_number", "desc")
        .limit(1),
    )
    .orderBy("member.job_id")
    .execute();
  return rows.map((row) => row.job_id);
}

/** Rewards of blocks in (after, until], for vectors that were told of later than the rewards they led to. Index reward_by_hotkey. */
export async function findRewardsBetween(
  tx: GatewayTx,
  hotkeys: readonly string[],
  after: bigint,
  until: bigint | undefined,
): Promise<readonly Reward[]> {
  if (hotkeys.length === 0) return [];
  const query = tx
    .selectFrom("reward")
    .select(["reward_id", "epoch", "hotkey", "amount_rao", "block_number"])
    .where("hotkey", "in", hotkeys)
    .where("block_number", ">", after)
    .orderBy("block_number");
  const rows = await (until === undefined ? query : query.where("block_number", "<=", until)).execute();
  return rows.map((row) => ({
    rewardId: row.reward_id,
    epoch: row.epoch,
    hotkey: row.hotkey,
    amountRao: BigInt(row.amount_rao),
    blockNumber: row.block_number,
  }));
}

/** Block of the next weights after these; undefined while these are in force. */
export async function findNextVectorBlock(tx: GatewayTx, blockNumber: bigint): Promise<bigint | undefined> {
  const row = await tx
    .selectFrom("weight_vector")
    .select("block_number")
    .where("block_number", ">", blockNumber)
    .orderBy("block_number")
    .limit(1)
    .executeTakeFirst();
  return row?.block_number;
}
