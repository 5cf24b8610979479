import type { JobId } from "@gradients/kernel";
import type { JobView, Payment } from "../domain/job.ts";
import { addPayment, isNewest, paidHotkeys } from "../domain/payments.ts";
import type { GatewayTx } from "../store/database.ts";
import { lockJob, markPaymentsTold, saveJob } from "../store/jobs.ts";
import {
  areRewardsAfter,
  findJobsPaidBy,
  insertReward,
  insertWeightVector,
  lockPayments,
  type Reward,
  sumPayments,
  type WeightVector,
} from "../store/rewards.ts";
import { saveWithEvent } from "./record-fact.ts";

/** A reward counts for the jobs whose verdicts were in the weights that were in force, and which rank its hotkey. */
export async function recordReward(tx: GatewayTx, reward: Reward): Promise<void> {
  await lockPayments(tx);
  if (!(await insertReward(tx, reward))) return;
  const { hotkey, amountRao, epoch, blockNumber } = reward;
  const payment = { contestantHotkey: hotkey, amountRao, epoch, blockNumber };
  for (const jobId of await findJobsPaidBy(tx, reward)) {
    const before = await lockJob(tx, jobId);
    if (!before || !paidHotkeys(before).includes(hotkey)) continue;
    const isSimple = isNewest(before.payments, payment);
    await savePayments(
      tx,
      before,
      isSimple ? addPayment(before.payments, payment) : await totalsOf(tx, before),
    );
  }
}

/** Weights may be told of after the first reward that they led to. */
export async function recordWeightVector(tx: GatewayTx, vector: WeightVector): Promise<void> {
  await lockPayments(tx);
  await insertWeightVector(tx, vector);
  if (!(await areRewardsAfter(tx, vector))) return;
  for (const jobId of vector.jobIds.toSorted()) await recordEarlierRewards(tx, jobId);
}

/** Of a job whose verdict, or whose weights, are told of after rewards. Needs the payments' lock. */
export async function recordEarlierRewards(tx: GatewayTx, jobId: JobId): Promise<void> {
  const before = await lockJob(tx, jobId);
  if (before) await savePayments(tx, before, await totalsOf(tx, before));
}

/** Sums up from the beginning, for rewards and weights that came out of order. */
function totalsOf(tx: GatewayTx, view: JobView): Promise<readonly Payment[]> {
  return sumPayments(tx, view.job.jobId, paidHotkeys(view));
}

/** The chain pays all the time, for every job whose verdict is in the weights: a job's log tells of that at most once a minute. */
async function savePayments(tx: GatewayTx, before: JobView, payments: readonly Payment[]): Promise<void> {
  if (!isChanged(before.payments, payments)) return;
  const after = { ...before, payments };
  if (await markPaymentsTold(tx, before.job.jobId, TELL_SECONDS)) await saveWithEvent(tx, before, after);
  else await saveJob(tx, before, after);
}

const TELL_SECONDS = 60;

function isChanged(before: readonly Payment[], after: readonly Payment[]): boolean {
  const total = (payments: readonly Payment[]) =>
    payments.reduce((sum, { amountRao }) => sum + amountRao, 0n);
  return before.length !== after.length || total(before) !== total(after);
}
