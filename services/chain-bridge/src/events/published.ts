import { event, type OutboxEvent } from "@gradients/bus";
import { RewardCreditedSchema, WeightsSetSchema } from "@gradients/contracts/event";
import type { RewardBlock, StoredReward } from "../store/rewards.ts";
import type { ChainKey } from "../store/schema.ts";
import type { Submission } from "../store/submissions.ts";

/** A weight vector is in a finalized block and was read back. */
export function weightsSet(
  { genesisHash, netuid }: ChainKey,
  submission: Submission,
  block: { readonly number: number; readonly hash: string },
): OutboxEvent {
  const { submissionId, epoch, weights, extrinsicHash, jobIds } = submission;
  return event(
    WeightsSetSchema,
    {
      submissionId,
      netuid,
      epoch,
      weights: weights.map(({ hotkey, uid, weight }) => ({ hotkey, uid, weight })),
      extrinsicHash,
      blockHash: block.hash,
      blockNumber: BigInt(block.number),
      jobIds: [...jobIds],
      genesisHash,
    },
    { aggregateId: `subnet-${netuid}` },
  );
}

/** A finalized epoch paid a hotkey, and the ledger has it. */
export function rewardCredited(
  { genesisHash, netuid }: ChainKey,
  { rewardId, hotkey, uid, amountRao }: StoredReward,
  block: RewardBlock,
): OutboxEvent {
  return event(
    RewardCreditedSchema,
    {
      rewardId,
      netuid,
      epoch: BigInt(block.epoch),
      hotkey,
      uid,
      amountRao: amountRao.toString(),
      blockNumber: BigInt(block.number),
      blockHash: block.hash,
      genesisHash,
    },
    { aggregateId: hotkey },
  );
}
