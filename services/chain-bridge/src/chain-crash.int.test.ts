// The bridge as a real process is killed at every boundary around a submission, again and again, while verdicts, blocks and forks go on.
// Short here; `npm run test:chain-faults` kills 200 times.

import { type Failpoint, newId, Rng } from "@gradients/kernel";
import { faultTimes, noteFigures } from "@gradients/testkit";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, it } from "vitest";
import { listSubmissions } from "./store/submissions.ts";
import { audit } from "./test/audit.ts";
import { type BridgeProcess, startBridgeProcess } from "./test/bridge-process.ts";
import { createWorld, cursorBlock, NETUID, type World } from "./test/bridge-world.ts";

const KILLS = faultTimes(13);
const SEED = process.env["GRADIENTS_SEED"] ?? "1";
const FINALITY_LAG = 4;
/** A busy machine must not decide. */
const A_KILL_MS = 300_000;

/** Where the process dies: at a failpoint, or from outside when the chain has come to a state, or at any instant. */
type Moment =
  | { readonly failpoint: Failpoint; readonly passes: number }
  | "included, not final"
  | "any instant";

const moments: readonly Moment[] = [
  { failpoint: "chain-bridge.weights-signed", passes: 1 },
  { failpoint: "chain-bridge.intent-saved", passes: 1 },
  { failpoint: "chain-bridge.before-submit", passes: 1 },
  { failpoint: "chain-bridge.submitted", passes: 1 },
  { failpoint: "chain-bridge.answer-recorded", passes: 1 },
  "included, not final",
  { failpoint: "chain-bridge.block-read", passes: 8 },
  { failpoint: "chain-bridge.block-booked", passes: 8 },
  { failpoint: "db.before-commit", passes: 12 },
  { failpoint: "db.committed", passes: 12 },
  { failpoint: "bus.published", passes: 2 },
  { failpoint: "bus.before-ack", passes: 1 },
  "any instant",
];

interface Verdict {
  readonly jobId: string;
  readonly eventId: string;
  readonly ranking: readonly { readonly contestant: number; readonly rank: number }[];
}

let world: World;
const rng = new Rng(`chain crashes ${SEED}`);
const verdicts: Verdict[] = [];

beforeAll(async () => {
  world = await createWorld({ finalityLagBlocks: FINALITY_LAG, keepStates: 1_000_000 });
});

afterAll(() => world[Symbol.asyncDispose]());

it(`includes each vector once and books everything once, though killed ${KILLS} times around submissions`, {
  timeout: KILLS * A_KILL_MS + 120_000,
}, async () => {
  const died = new Map<string, number>();
  for (let kill = 0; kill < KILLS; kill++) {
    const moment = moments[kill % moments.length] ?? "any instant";
    await publishVerdict();
    await liveAndDie(moment);
    const name = nameOf(moment);
    died.set(name, (died.get(name) ?? 0) + 1);
    disturbChain();
  }
  await settle();
  const books = await audit(world);
  expect(books.points).toBe(verdicts.length);
  const checked = { tries: KILLS, failures: 0 };
  noteFigures({
    ...checked,
    promise: "each weight vector is in the chain once, and known as set only from its finalized block",
    faults: Object.fromEntries([...died].map(([name, count]) => [`kill -9 at ${name}`, count])),
    load: { "weight vectors in the chain": books.inclusions, "blocks booked": books.blocks },
  });
  noteFigures({
    ...checked,
    promise: "each verdict's points and each reward are booked once, to the last RAO",
    load: { "verdicts with points": books.points, "rewards booked": books.rewards },
  });
});

it("books nothing again when every verdict and every block is replayed", { timeout: 120_000 }, async () => {
  const before = await audit(world);
  for (const { jobId, eventId, ranking } of verdicts) {
    await world.publishVerdict(jobId, ranking, eventId);
    await world.publishVerdict(jobId, ranking);
  }
  const { genesisHash } = world.chain;
  await sql`update chain_cursor set block_number = 0, block_hash = ${genesisHash}`.execute(world.db.q);
  const bridge = await world.startBridge({
    env: { CHAIN_BRIDGE_MODE: "read-only", CHAIN_BRIDGE_HOTKEY: "" },
  });
  const last = newId();
  await world.publishVerdict(last, [{ contestant: 0, rank: 1 }]);
  await world.until(async () => (await bridge.client.listPoints({ jobId: last })).points.length > 0);
  await world.until(async () => (await cursorBlock(world.db)) === world.chain.control.finalizedBlock, 60_000);
  expect(await audit(world)).toEqual({ ...before, points: before.points + 1 });
  noteFigures({
    promise: "a verdict or block that is replayed books nothing again",
    tries: 2 * verdicts.length + before.blocks,
    failures: 0,
    faults: { "verdict replayed": 2 * verdicts.length, "block replayed": before.blocks },
  });
});

async function publishVerdict(): Promise<void> {
  const ranking = rng.shuffle([0, 1, 2, 3]).map((contestant, index) => ({ contestant, rank: index + 1 }));
  const jobId = newId();
  verdicts.push({ jobId, ranking, eventId: await world.publishVerdict(jobId, ranking) });
}

function nameOf(moment: Moment): string {
  return typeof moment === "string" ? moment : moment.failpoint;
}

async function liveAndDie(moment: Moment): Promise<void> {
  const armed = typeof moment === "string" ? "" : `${moment.failpoint}@${1 + rng.int(moment.passes)}`;
  const bridge = startBridgeProcess(world.environment, armed);
  let signal: NodeJS.Signals | null = null;
  try {
    if (armed) await world.mineUntil(bridge.hasEnded, A_KILL_MS);
    else if (moment === "included, not final") await mineUntilIncluded(bridge);
    else await mineFor(rng.int(4_000));
  } catch (error) {
    throw new Error(`Never came to ${nameOf(moment)}:\n${bridge.log()}`, { cause: error });
  } finally {
    signal = await bridge.kill();
    world.chain.control.resumeFinality();
  }
  if (signal !== "SIGKILL") throw new Error(`Ended by itself:\n${bridge.log()}`);
}

/** Up to a block that holds the open submission while finality stands still. */
async function mineUntilIncluded(bridge: BridgeProcess): Promise<void> {
  const isOpen = async () => bridge.hasEnded() || (await newest())?.state === "submitted";
  await world.mineUntil(isOpen, A_KILL_MS);
  world.chain.control.stallFinality();
  world.chain.control.produceBlock();
}

async function mineFor(milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds;
  await world.mineUntil(() => performance.now() > end);
}

/** While the bridge is down. */
function disturbChain(): void {
  const { control } = world.chain;
  const chance = rng.int(5);
  if (chance === 0)
    control.reorg(1 + rng.int(Math.min(FINALITY_LAG, control.bestBlock - control.finalizedBlock)));
  if (chance === 1) control.reorg(1, { loseTransactions: true });
  if (chance === 2) control.restartNode();
  control.produceBlock(rng.int(8));
}

/** A last life without a fault: no submission is open, and all that is final is booked. */
async function settle(): Promise<void> {
  const bridge = startBridgeProcess(world.environment);
  try {
    const target = world.chain.control.bestBlock + 10;
    await world.mineUntil(async () => {
      const state = (await newest())?.state;
      return world.chain.control.finalizedBlock > target && (state === "finalized" || state === "failed");
    }, A_KILL_MS);
    await world.until(async () => (await cursorBlock(world.db)) === world.chain.control.finalizedBlock);
    await world.until(async () => (await unpublished()) === 0);
  } finally {
    await bridge.kill();
  }
}

async function newest() {
  const key = { genesisHash: world.chain.genesisHash, netuid: NETUID };
  return (await listSubmissions(world.db, key, 1))[0];
}

async function unpublished(): Promise<number> {
  const { rows } = await sql<{
    count: string;
  }>`select count(*)::text as count from outbox where published_at is null`.execute(world.db.q);
  return Number(rows[0]?.count);
}
