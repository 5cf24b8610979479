import type { JobId } from "@gradients/kernel";
import type { JobView, Payment } from "../domain/job.ts";
import type { GatewayTx } from "../store/database.ts";
import { lockJob } from "../store/jobs.ts";
import {
  findJobsPaidBy,
  findNextVectorBlock,
  findRewardsBetween,
  insertReward,
  insertWeightVector,
  type Reward,
  type WeightVector,
} from "../store/rewards.ts";
import { saveWithEvent } from "./record-fact.ts";

/** A reward counts for the jobs whose verdicts were in the weights that were in force, and in which its hotkey took part. */
export async function recordReward(tx: GatewayTx, reward: Reward): Promise<void> {
  await insertReward(tx, reward);
  for (const jobId of await findJobsPaidBy(tx, reward.hotkey, reward.blockNumber))
    await addPayments(tx, jobId, () => Promise.resolve([reward]));
}

/** Weights may be told of after the first reward that they led to. */
export async function recordWeightVector(tx: GatewayTx, vector: WeightVector): Promise<void> {
  await insertWeightVector(tx, vector);
  const until = await findNextVectorBlock(tx, vector.blockNumber);
  for (const jobId of vector.jobIds.toSorted()) {
    await addPayments(tx, jobId, ({ attempts }) =>
      findRewardsBetween(
        tx,
        [...new Set(attempts.map(({ contestantHotkey }) => contestantHotkey))],
        vector.blockNumber,
        until,
      ),
    );
  }
}

async function addPayments(
  tx: GatewayTx,
  jobId: JobId,
  find: (view: JobView) => Promise<readonly Reward[]>,
): Promise<void> {
  const before = await lockJob(tx, jobId);
  if (!before) return;
  const fresh = (await find(before))
    .map(toPayment)
    .filter((payment) => !before.payments.some((known) => isSame(known, payment)));
  if (fresh.length > 0)
    await saveWithEvent(tx, before, { ...before, payments: [...before.payments, ...fresh] });
}

function toPayment({ hotkey, amountRao, epoch, blockNumber }: Reward): Payment {
  return { contestantHotkey: hotkey, amountRao, epoch, blockNumber };
}

/** The chain pays a hotkey at most once in a block. */
function isSame(one: Payment, other: Payment): boolean {
  return one.contestantHotkey === other.contestantHotkey && one.blockNumber === other.blockNumber;
}
