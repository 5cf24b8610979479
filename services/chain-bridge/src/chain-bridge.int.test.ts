import { SubmissionState } from "@gradients/contracts/chain";
import { RewardCreditedSchema, WeightsSetSchema } from "@gradients/contracts/event";
import { newId } from "@gradients/kernel";
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Chain } from "./chain/chain.ts";
import { connect as connectNode } from "./chain/connect.ts";
import { connectSubtensor } from "./chain/subtensor-chain.ts";
import { createWorld, NETUID, type RunningBridge, type World } from "./test/bridge-world.ts";

let world: World;

afterEach(() => world[Symbol.asyncDispose]());

const { INTENDED, SUBMITTED, FINALIZED, FAILED } = SubmissionState;
const hotkey = (contestant: number) => world.chain.accounts.contestants[contestant]?.hotkey ?? "";
const connect = (endpoint: string, signal: AbortSignal) =>
  connectSubtensor({ endpoint, netuid: NETUID, mecid: 0 }, signal);

async function submissionsOf({ client }: RunningBridge) {
  return (await client.listWeightSubmissions({ pageSize: 50 })).submissions;
}

/** The newest finalized vector is for `uids`. */
async function isFinalized(bridge: RunningBridge, uids: readonly number[]): Promise<boolean> {
  const newest = (await submissionsOf(bridge)).find(({ state }) => state === FINALIZED);
  return newest?.weights.map(({ uid }) => uid).join() === uids.join();
}

/** Extrinsic hashes of all WeightsSet events on the finalized chain. */
async function inclusions(): Promise<string[]> {
  const reader = await connect(world.chain.url, new AbortController().signal);
  try {
    const { number } = await reader.finalizedHead();
    const blocks = await Promise.all(
      Array.from({ length: number }, (_, index) => reader.readFinalizedBlock(index + 1)),
    );
    return blocks.flatMap(({ extrinsics }) =>
      extrinsics.filter(({ weightsSet }) => weightsSet.length > 0).map(({ hash }) => hash),
    );
  } finally {
    await reader.close();
  }
}

async function stakeAtFinalized(address: string): Promise<bigint> {
  const { api } = await connectNode(world.chain.url, new AbortController().signal);
  try {
    const at = await api.at(await api.rpc.chain.getFinalizedHead());
    const stake = await at.query["subtensorModule"]?.["totalHotkeyAlpha"]?.(address, NETUID);
    return BigInt(stake?.toString() ?? 0);
  } finally {
    await api.disconnect();
  }
}

async function ledgerBalance(account: string): Promise<bigint> {
  const { rows } = await sql<{
    balance: string;
  }>`select coalesce(sum(amount_rao), 0)::text as balance from ledger_entry where account = ${account}`.execute(
    world.db.q,
  );
  return BigInt(rows[0]?.balance ?? 0);
}

describe("weights and rewards", () => {
  beforeEach(async () => {
    world = await createWorld();
  });

  it("follow a verdict: points, a finalized vector, rewards in the ledger, one event each", async () => {
    const bridge = await world.startBridge();
    await world.mineUntil(() => isFinalized(bridge, [0]));
    const jobId = newId();
    await world.publishVerdict(jobId, [
      { contestant: 0, rank: 1 },
      { contestant: 1, rank: 2 },
      { contestant: 2, rank: 3, gainLow: -0.1 },
    ]);
    await world.mineUntil(() => isFinalized(bridge, [2, 3]));

    const { points } = await bridge.client.listPoints({ jobId });
    expect(points.map((entry) => [entry.hotkey, entry.microPoints])).toEqual([
      [hotkey(0), 769_230n],
      [hotkey(1), 230_769n],
    ]);
    const newest = (await submissionsOf(bridge)).find(({ state }) => state === FINALIZED);
    expect(newest?.weights.map(({ uid, weight }) => [uid, weight])).toEqual([
      [2, 65_535],
      [3, 19_661],
    ]);
    const ours = async () =>
      (await world.published(WeightsSetSchema)).filter(
        ({ submissionId }) => submissionId === newest?.submissionId,
      );
    await world.until(async () => (await ours()).length > 0);
    expect(await ours()).toMatchObject([
      {
        netuid: NETUID,
        genesisHash: world.chain.genesisHash,
        blockNumber: newest?.blockNumber,
        jobIds: [jobId],
      },
    ]);

    await world.mineUntil(async () => (await ledgerBalance(`hotkey:${hotkey(1)}`)) > 0n);
    const { rewards, totals } = await bridge.client.listRewards({ hotkey: hotkey(0) });
    const [first, second] = await Promise.all(
      [hotkey(0), hotkey(1)].map((key) => ledgerBalance(`hotkey:${key}`)),
    );
    expect(totals).toMatchObject([{ hotkey: hotkey(0), amountRao: String(first) }]);
    expect(Number(first) / Number(second)).toBeCloseTo(65_535 / 19_661, 6);
    await world.until(async () => (await world.published(RewardCreditedSchema)).length >= 2);
    const credited = (await world.published(RewardCreditedSchema)).filter(
      (event) => event.hotkey === hotkey(0),
    );
    expect(credited.map(({ rewardId, amountRao }) => [rewardId, amountRao])).toEqual(
      rewards.map((reward) => [reward.rewardId, reward.amountRao]),
    );
  });

  it("agree with the chain's own stake to the last RAO, and the burn stands in the ledger too", async () => {
    const bridge = await world.startBridge();
    const nobody = 9;
    await world.publishVerdict(newId(), [
      { contestant: nobody, rank: 1 },
      { contestant: 3, rank: 2 },
    ]);
    await world.mineUntil(() => isFinalized(bridge, [0, 5]));
    await world.mineUntil(async () => (await ledgerBalance(`hotkey:${hotkey(3)}`)) > 0n);
    await world.until(async () => (await cursorBlock()) === BigInt(world.chain.control.finalizedBlock));
    expect(await ledgerBalance(`hotkey:${hotkey(3)}`)).toBe(await stakeAtFinalized(hotkey(3)));
    const burned = await ledgerBalance(`burn:${NETUID}`);
    expect(burned).toBeGreaterThan(2n * (await ledgerBalance(`hotkey:${hotkey(3)}`)));
    expect((await bridge.client.listRewards({})).totals.map((total) => total.hotkey)).toEqual([hotkey(3)]);
    const { rows } = await sql<{
      total: string;
    }>`select sum(amount_rao)::text as total from ledger_entry`.execute(world.db.q);
    expect(rows[0]?.total).toBe("0");
  });

  it("count a verdict once, though its event comes twice and the job is told of again", async () => {
    const bridge = await world.startBridge();
    const jobId = newId();
    const eventId = await world.publishVerdict(jobId, [{ contestant: 0, rank: 1 }]);
    await world.publishVerdict(jobId, [{ contestant: 0, rank: 1 }], eventId);
    await world.publishVerdict(jobId, [{ contestant: 1, rank: 1 }]);
    const lastJob = newId();
    await world.publishVerdict(lastJob, [{ contestant: 0, rank: 1 }]);
    await world.until(async () => (await bridge.client.listPoints({ jobId: lastJob })).points.length > 0);
    await world.until(async () => (await bridge.client.listPoints({ jobId })).points.length > 0);
    const { points } = await bridge.client.listPoints({ jobId });
    expect(points.map((entry) => [entry.hotkey, entry.microPoints])).toEqual([[hotkey(0), 1_000_000n]]);
  });

  it("respect the rate limit without a single refusal", async () => {
    const bridge = await world.startBridge();
    await world.mineUntil(() => isFinalized(bridge, [0]));
    for (const contestant of [0, 1, 2]) {
      await world.publishVerdict(newId(), [{ contestant, rank: 1 }]);
      await world.mineUntil(
        async () =>
          (await submissionsOf(bridge))[0]?.weights.some(({ uid }) => uid === contestant + 2) ?? false,
      );
    }
    await world.mineUntil(() => isFinalized(bridge, [2, 3, 4]));
    expect((await submissionsOf(bridge)).filter(({ state }) => state === FAILED)).toEqual([]);
  });

  it("books every finalized block once, though finality jumps and the connection breaks", async () => {
    const bridge = await world.startBridge();
    await world.mineUntil(() => isFinalized(bridge, [0]));
    world.chain.control.stallFinality();
    world.chain.control.produceBlock(25);
    world.chain.control.dropSockets();
    world.chain.control.resumeFinality();
    await world.until(async () => (await cursorBlock()) === BigInt(world.chain.control.finalizedBlock));
    const first = Number((await submissionsOf(bridge)).at(-1)?.blockNumber);
    const epochs = Array.from({ length: world.chain.control.finalizedBlock }, (_, index) => index + 1).filter(
      (block) => block % 10 === 0 && block > first,
    );
    const { rows } = await sql<{ block: string }>`
      select distinct block_number::text as block from reward order by block_number::text`.execute(
      world.db.q,
    );
    expect(rows.map(({ block }) => Number(block))).toEqual(epochs);
  });
});

describe("faults", () => {
  beforeEach(async () => {
    // One epoch for the whole test, so that one vector is all there is to set.
    world = await createWorld({ tempo: 1_000 });
  });

  it("killed between signing and sending, it sends the signed bytes after its restart, and they are included once", async () => {
    const sent = Promise.withResolvers<void>();
    const killed = Promise.withResolvers<never>();
    const connectAndDie = async (endpoint: string, signal: AbortSignal): Promise<Chain> => {
      const chain = await connect(endpoint, signal);
      const submit = () => {
        sent.resolve();
        return killed.promise;
      };
      return wrap(chain, { submit });
    };
    const first = await world.startBridge({ connect: connectAndDie });
    world.chain.control.produceBlock(3);
    await sent.promise;
    const [intended] = await submissionsOf(first);
    expect(intended?.state).toBe(INTENDED);
    const stopped = first.stop();
    killed.reject(new Error("killed"));
    await stopped;

    const second = await world.startBridge();
    await world.mineUntil(() => isFinalized(second, [0]));
    const submissions = await submissionsOf(second);
    expect(submissions).toHaveLength(1);
    expect(submissions[0]?.extrinsicHash).toBe(intended?.extrinsicHash);
    expect(await inclusions()).toEqual([intended?.extrinsicHash]);
  });

  it("whose answer is lost with the connection, finds its extrinsic on the chain and sends no second one", async () => {
    world.chain.control.failNextSubmit({ kind: "lose_reply" });
    const bridge = await world.startBridge();
    await world.mineUntil(() => isFinalized(bridge, [0]));
    const submissions = await submissionsOf(bridge);
    expect(submissions).toHaveLength(1);
    expect(await inclusions()).toEqual([submissions[0]?.extrinsicHash]);
  });

  it("whose request is lost, sends the same bytes again", async () => {
    world.chain.control.failNextSubmit({ kind: "lose_request" });
    const bridge = await world.startBridge();
    await world.mineUntil(() => isFinalized(bridge, [0]));
    expect(await submissionsOf(bridge)).toHaveLength(1);
    expect(await inclusions()).toHaveLength(1);
  });

  it("counts nothing before it is final: a reorganisation takes the vector away, and it is sent again", async () => {
    const bridge = await world.startBridge();
    world.chain.control.produceBlock(3);
    world.chain.control.stallFinality();
    await world.until(async () => (await submissionsOf(bridge))[0]?.state === SUBMITTED);
    world.chain.control.produceBlock(2);
    world.chain.control.reorg(2, { loseTransactions: true });
    world.chain.control.resumeFinality();
    await world.until(
      async () => Number((await bridge.client.getSubnet({})).bestBlock) === world.chain.control.bestBlock,
    );
    expect((await submissionsOf(bridge)).map(({ state }) => state)).toEqual([SUBMITTED]);
    expect(await world.published(WeightsSetSchema)).toEqual([]);
    await world.mineUntil(() => isFinalized(bridge, [0]));
    expect(await submissionsOf(bridge)).toHaveLength(1);
    expect(await inclusions()).toHaveLength(1);
    await world.until(async () => (await world.published(WeightsSetSchema)).length === 1);
  });

  it("ends a refused submission with the operator's cure, and tries again later", async () => {
    world.chain.control.failNextSubmit({
      kind: "reject",
      code: 1010,
      message: "Invalid Transaction",
      data: "Custom error: 1",
    });
    const bridge = await world.startBridge();
    await world.mineUntil(() => isFinalized(bridge, [0]));
    const [second, first] = await submissionsOf(bridge);
    expect(first).toMatchObject({ state: FAILED });
    expect(first?.error).toMatch(/^STAKE_TOO_LOW: .*add stake/);
    expect(second?.state).toBe(FINALIZED);
  });

  it("says why it is read-only when the subnet asks for commit-reveal, and signs nothing", async () => {
    world.chain.control.setStorage("SubtensorModule.CommitRevealWeightsEnabled", [NETUID], true);
    world.chain.control.produceBlock();
    const bridge = await world.startBridge();
    await world.until(
      async () =>
        (await bridge.client.getSubnet({}).catch(() => undefined))?.readOnlyReason.startsWith(
          "COMMIT_REVEAL_ENABLED",
        ) ?? false,
    );
    world.chain.control.produceBlock(12);
    await world.until(async () => (await cursorBlock()) >= 10n);
    expect(await submissionsOf(bridge)).toEqual([]);
  });
});

describe("refusals", () => {
  beforeEach(async () => {
    world = await createWorld({ tempo: 1_000 });
  });

  const readOnlyReason = async ({ client }: RunningBridge) =>
    (await client.getSubnet({}).catch(() => undefined))?.readOnlyReason ?? "";

  it("leaves an endpoint that serves another chain for the next one", async () => {
    await using other = await createWorld();
    const env = {
      CHAIN_BRIDGE_ENDPOINTS: `${other.chain.url},${world.chain.url}`,
      CHAIN_BRIDGE_GENESIS_HASH: world.chain.genesisHash,
    };
    const bridge = await world.startBridge({ env });
    await world.mineUntil(() => isFinalized(bridge, [0]));
    expect((await bridge.client.getSubnet({})).genesisHash).toBe(world.chain.genesisHash);
  });

  it("never signs with a coldkey", async () => {
    const bridge = await world.startBridge({
      env: { CHAIN_BRIDGE_HOTKEY: world.chain.accounts.validator.coldkeyUri },
    });
    await world.mineUntil(async () => (await readOnlyReason(bridge)).startsWith("SIGNER_IS_COLDKEY"));
    expect(await submissionsOf(bridge)).toEqual([]);
  });

  it("books and tells without a key in read-only mode", async () => {
    const bridge = await world.startBridge({
      env: { CHAIN_BRIDGE_HOTKEY: "", CHAIN_BRIDGE_MODE: "read-only" },
    });
    await world.mineUntil(async () => (await cursorBlock()) > 5n);
    expect(await readOnlyReason(bridge)).toMatch(/^READ_ONLY_MODE/);
    const { neurons, nextEpochBlock } = await bridge.client.getSubnet({});
    expect(nextEpochBlock).toBe(1_000n);
    expect(neurons.map(({ uid, validatorPermit }) => [uid, validatorPermit]).slice(0, 3)).toEqual([
      [0, false],
      [1, true],
      [2, false],
    ]);
  });

  it("lets one of two replicas work at a time", async () => {
    const [one] = await Promise.all([world.startBridge(), world.startBridge()]);
    await world.mineUntil(() => isFinalized(one, [0]));
    expect(await submissionsOf(one)).toHaveLength(1);
    expect(await inclusions()).toHaveLength(1);
  });
});

async function cursorBlock(): Promise<bigint> {
  const { rows } = await sql<{ block_number: bigint }>`select block_number from chain_cursor`.execute(
    world.db.q,
  );
  return rows[0]?.block_number ?? 0n;
}

/** The same connection with some methods replaced; its getters stay live. */
function wrap(chain: Chain, overrides: Partial<Chain>): Chain {
  return Object.create(chain, Object.getOwnPropertyDescriptors(overrides)) as Chain;
}
