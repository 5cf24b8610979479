import { appendOutbox } from "@gradients/bus";
import { failpoint } from "@gradients/kernel";
import { inTraceOf } from "@gradients/runtime";
import type { BlockRef, Chain, FinalizedBlock } from "../chain/chain.ts";
import type { Deps } from "../deps.ts";
import { judgeSubmission } from "../domain/judge-submission.ts";
import { type Reward, rewardsOf } from "../domain/rewards.ts";
import { nextState } from "../domain/submission.ts";
import type { Weight } from "../domain/weights.ts";
import { rewardCredited, weightsSet } from "../events/published.ts";
import { advanceCursor, type Cursor, createCursor, loadCursor } from "../store/cursor.ts";
import { bookRewards } from "../store/rewards.ts";
import type { BridgeTx, ChainKey } from "../store/schema.ts";
import { changeState, findOpenSubmissions, lockSubmission, type Submission } from "../store/submissions.ts";

/** A node so far behind what is booked has lost its peers, or its disk is slow: another one is asked. */
const MAX_BLOCKS_BEHIND = 20;

/**
 * Books every finalized block since the cursor, one transaction each and none left out, until the finalized head is reached. False when the node
 * itself is behind the cursor: what it tells of the subnet is old, and nothing may be signed by it.
 */
export async function ingestBlocks(deps: Deps, chain: Chain, signal: AbortSignal): Promise<boolean> {
  const key = chainKeyOf(deps, chain);
  const head = await chain.finalizedHead();
  let cursor = await beginAt(deps, chain, key, head);
  const behind = cursor.blockNumber - head.number;
  if (behind > MAX_BLOCKS_BEHIND) throw new Error(`${chain.identity.endpoint} is ${behind} blocks behind`);
  while (cursor.blockNumber < head.number && !signal.aborted) {
    cursor = await ingestBlock(deps, chain, key, cursor);
    deps.observe.blockIngested(cursor.blockNumber, head.number - cursor.blockNumber);
  }
  return behind <= 0;
}

export function chainKeyOf({ config }: Deps, { identity }: Chain): ChainKey {
  return { genesisHash: identity.genesisHash, netuid: config.netuid };
}

async function beginAt({ db, config }: Deps, chain: Chain, key: ChainKey, head: BlockRef): Promise<Cursor> {
  const known = await loadCursor(db, key);
  if (known) return known;
  const before = config.startBlock === undefined ? head.number : Math.max(config.startBlock - 1, 0);
  const { hash } = before === head.number ? head : await chain.readFinalizedBlock(before);
  const cursor = { blockNumber: before, blockHash: hash };
  await createCursor(db, key, cursor);
  return cursor;
}

async function ingestBlock(deps: Deps, chain: Chain, key: ChainKey, cursor: Cursor): Promise<Cursor> {
  const block = await chain.readFinalizedBlock(cursor.blockNumber + 1);
  if (block.parentHash !== cursor.blockHash) {
    throw new Error(
      `Finalized block ${block.number} does not follow ${cursor.blockHash}: this node is on another branch`,
    );
  }
  const rewards = await readRewards(chain, block);
  const evidence = await readEvidence(deps, chain, key, block);
  const next = { blockNumber: block.number, blockHash: block.hash };
  failpoint("chain-bridge.block-read");
  await deps.db.tx(async (tx) => {
    if (!(await advanceCursor(tx, key, next))) throw new Error("Another process has booked this block");
    for (const item of evidence)
      await inTraceOf(item.submission.traceparent, () => settle(deps, tx, key, block, item));
    const booked = await bookRewards(tx, key, block, rewards);
    const paid = booked.filter(({ status }) => status === "paid");
    await appendOutbox(
      tx,
      paid.map((reward) => rewardCredited(key, reward, block)),
    );
    deps.observe.rewardsBooked(block.number, block.epoch, booked);
  });
  failpoint("chain-bridge.block-booked");
  return next;
}

async function readRewards(chain: Chain, block: FinalizedBlock): Promise<Reward[]> {
  if (block.emissions.length === 0) return [];
  // Uids may change hands within the block, after the emission.
  const { payees, owner } = await chain.readPayees({ number: block.number - 1, hash: block.parentHash });
  return block.emissions.flatMap((emission) => rewardsOf(emission, payees, owner));
}

interface Evidence {
  readonly submission: Submission;
  readonly readBack: readonly Weight[] | undefined;
}

/** A submission that is made from here on is valid in later blocks only, so it may be missed. */
async function readEvidence(
  { db }: Deps,
  chain: Chain,
  key: ChainKey,
  block: FinalizedBlock,
): Promise<Evidence[]> {
  const open = await findOpenSubmissions(db, key);
  const read = async (submission: Submission): Promise<Evidence> => {
    const included = block.extrinsics.some(({ hash }) => hash === submission.extrinsicHash);
    return {
      submission,
      readBack: included ? await chain.readWeights(submission.validatorUid, block) : undefined,
    };
  };
  return Promise.all(open.map(read));
}

async function settle(
  { observe }: Deps,
  tx: BridgeTx,
  key: ChainKey,
  block: FinalizedBlock,
  { submission, readBack }: Evidence,
): Promise<void> {
  const judgement = judgeSubmission(submission, {
    blockNumber: block.number,
    extrinsics: block.extrinsics,
    readBack,
  });
  if (!judgement) return;
  const { fact, problem } = judgement;
  const state = await lockSubmission(tx, submission.submissionId);
  const to = state && nextState(state, fact);
  if (!state || !to) return;
  await changeState(tx, submission.submissionId, {
    from: state,
    to,
    ...(problem ? { problem } : {}),
    ...(fact === "expired" ? {} : { block }),
  });
  if (problem) return observe.weightsFailed(submission, problem);
  await appendOutbox(tx, weightsSet(key, submission, block));
  observe.weightsFinalized(submission, block.number);
}
