import { RewardCreditedSchema, WeightsSetSchema } from "@gradients/contracts/event";
import { sql } from "kysely";
import { expect } from "vitest";
import type { FinalizedBlock } from "../chain/chain.ts";
import { connectSubtensor } from "../chain/subtensor-chain.ts";
import { listSubmissions, type Submission } from "../store/submissions.ts";
import { NETUID, type World } from "./bridge-world.ts";

/** What the books hold once everything is quiet. */
export interface Books {
  readonly finalized: number;
  readonly failed: number;
  readonly inclusions: number;
  readonly rewards: number;
  readonly points: number;
  readonly blocks: number;
}

/**
 * Compares the rows and events of a bridge that booked the chain from its first block on with that chain up to its finalized head. Holds when the
 * cursor has reached the finalized head.
 */
export async function audit(world: World): Promise<Books> {
  const { genesisHash } = world.chain;
  const submissions = await listSubmissions(world.db, { genesisHash, netuid: NETUID }, 100_000);
  const blocks = await readChain(world);
  const included = blocks.flatMap(({ extrinsics }) =>
    extrinsics.filter(({ weightsSet }) => weightsSet.length > 0),
  );
  const finalized = submissions.filter(({ state }) => state === "finalized");

  expect(
    sorted(included),
    "each vector on the chain is one finalized intent's, and each of those is there once",
  ).toEqual(sorted(finalized.map(({ extrinsicHash }) => ({ hash: extrinsicHash }))));
  await expectStored(world, finalized, blocks);
  await expectToldOnce(world, finalized);
  const points = await expectPoints(world);
  const rewards = await expectRewards(world, blocks);
  return {
    finalized: finalized.length,
    failed: submissions.filter(({ state }) => state === "failed").length,
    inclusions: included.length,
    rewards,
    points,
    blocks: blocks.length,
  };
}

const sorted = (extrinsics: readonly { readonly hash: string }[]) =>
  extrinsics.map(({ hash }) => hash).sort();

async function readChain(world: World): Promise<readonly FinalizedBlock[]> {
  const reader = await connectSubtensor(
    { endpoint: world.chain.url, netuid: NETUID, mecid: 0 },
    new AbortController().signal,
  );
  try {
    const { number: last } = await reader.finalizedHead();
    const blocks: FinalizedBlock[] = [];
    for (let number = 1; number <= last; number++) blocks.push(await reader.readFinalizedBlock(number));
    return blocks;
  } finally {
    await reader.close();
  }
}

/** The chain held the intent's very vector in the block that the row names, and that block is final. */
async function expectStored(
  world: World,
  finalized: readonly Submission[],
  blocks: readonly FinalizedBlock[],
): Promise<void> {
  const reader = await connectSubtensor(
    { endpoint: world.chain.url, netuid: NETUID, mecid: 0 },
    new AbortController().signal,
  );
  try {
    for (const { blockNumber = 0, blockHash = "", validatorUid, weights } of finalized) {
      expect(blocks[blockNumber - 1]?.hash).toBe(blockHash);
      const stored = await reader.readWeights(validatorUid, { number: blockNumber, hash: blockHash });
      expect(stored).toEqual(weights.map(({ uid, weight }) => ({ uid, weight })));
    }
  } finally {
    await reader.close();
  }
}

async function expectToldOnce(world: World, finalized: readonly Submission[]): Promise<void> {
  const told = async () =>
    (await world.published(WeightsSetSchema)).map(({ submissionId }) => submissionId).sort();
  await world.until(async () => (await told()).length >= finalized.length);
  expect(await told()).toEqual(finalized.map(({ submissionId }) => submissionId).sort());
}

/** Every job gave out its million micro-points, once. Number of jobs. */
async function expectPoints(world: World): Promise<number> {
  const { rows } = await sql<{ total: string }>`
    select (unallocated_micro_points + coalesce((select sum(micro_points) from points where points.job_id = scored_job.job_id), 0))::text
      as total from scored_job`.execute(world.db.q);
  expect(rows.every(({ total }) => total === "1000000")).toBe(true);
  return rows.length;
}

/** What the ledger holds is what the chain paid out in the blocks that were booked, to the last RAO. Number of rewards. */
async function expectRewards(world: World, blocks: readonly FinalizedBlock[]): Promise<number> {
  const { rows } = await sql<{
    block: string;
    uid: number;
    amount: string;
    reward_id: string;
    status: string;
  }>`
    select block_number::text as block, uid, amount_rao::text as amount, reward_id, status from reward
    order by block_number, uid`.execute(world.db.q);
  const paidByChain = blocks.flatMap(({ number, emissions }) =>
    emissions.flatMap(({ amounts }) =>
      amounts.flatMap((amount, uid) =>
        amount > 0n ? [{ block: String(number), uid, amount: String(amount) }] : [],
      ),
    ),
  );
  expect(rows.map(({ block, uid, amount }) => ({ block, uid, amount }))).toEqual(paidByChain);

  const { rows: ledger } = await sql<{ entries: string; total: string; credits: string }>`
    select count(*)::text as entries, coalesce(sum(amount_rao), 0)::text as total,
      coalesce(sum(amount_rao) filter (where amount_rao > 0), 0)::text as credits from ledger_entry`.execute(
    world.db.q,
  );
  const credits = rows.reduce((sum, { amount }) => sum + BigInt(amount), 0n);
  expect(ledger).toEqual([{ entries: String(2 * rows.length), total: "0", credits: String(credits) }]);

  const paid = rows.filter(({ status }) => status === "paid").map(({ reward_id }) => reward_id);
  const told = async () =>
    (await world.published(RewardCreditedSchema)).map(({ rewardId }) => rewardId).sort();
  await world.until(async () => (await told()).length >= paid.length);
  expect(await told()).toEqual(paid.sort());
  return rows.length;
}
