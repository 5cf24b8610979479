// What a node and its network do to the bridge: forks, stalls, lost and late messages, refusals, restarts, a node that lags. After each of them the bridge's
// books equal the chain's.

import type { SubmitFault } from "@gradients/dev-chain";
import { newId, Rng } from "@gradients/kernel";
import { noteFigures } from "@gradients/testkit";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ChainProblem } from "./domain/chain-problem.ts";
import { listSubmissions, type Submission } from "./store/submissions.ts";
import { audit, type Books } from "./test/audit.ts";
import { createWorld, cursorBlock, NETUID, type RunningBridge, type World } from "./test/bridge-world.ts";

const FINALITY_LAG = 6;
/** Every depth and every kind of message fault, as `npm run test:chain-faults` tries them. */
const IS_LONG = process.env["GRADIENTS_FAULT_TIMES"] !== undefined;

vi.setConfig({ testTimeout: IS_LONG ? 900_000 : 120_000 });

let world: World;
let verdicts = 0;

beforeEach(async () => {
  world = await createWorld({ finalityLagBlocks: FINALITY_LAG, tempo: 20 });
});

afterEach(() => world[Symbol.asyncDispose]());

describe("forks", () => {
  it.each(IS_LONG ? [1, 2, 3, 4, 5] : [1, 5])(
    "that drop the best %i blocks, with the vector in them, change no books",
    async (depth) => {
      await world.startBridge();
      await setFirstVector();
      for (const loseTransactions of [false, true]) {
        await publishVerdict();
        await world.mineUntil(async () => (await newest())?.state === "submitted");
        world.chain.control.produceBlock(depth);
        world.chain.control.reorg(depth, { loseTransactions });
        await settle();
      }
      const books = await audited(`fork of ${depth}`);
      expect(books).toMatchObject({ finalized: expect.any(Number), failed: 0 });
    },
  );

  it("one after the other, at random, change no books", async () => {
    const rng = new Rng("forks");
    await world.startBridge();
    await setFirstVector();
    for (let fork = 0; fork < 10; fork++) {
      if (fork % 3 === 0) await publishVerdict();
      const { control } = world.chain;
      control.reorg(1 + rng.int(5), { loseTransactions: rng.int(2) === 0 });
      control.produceBlock(rng.int(4));
      await world.until(async () => (await cursorBlock(world.db)) === control.finalizedBlock);
    }
    await settle();
    await audited("10 forks");
  });
});

it("a stall of finality of a whole era: nothing counts before it is final, and then once", async () => {
  await world.startBridge({ env: { CHAIN_BRIDGE_ERA_BLOCKS: "16" } });
  await setFirstVector();
  world.chain.control.stallFinality();
  await publishVerdict();
  for (let block = 0; block < 40; block++) {
    world.chain.control.produceBlock();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect((await newest())?.state).toBe("submitted");
  world.chain.control.resumeFinality();
  await settle();
  expect(await audited("stall")).toMatchObject({ failed: 0 });
});

describe("messages", () => {
  const allOfThat = { doubled: 0.3, late: 0.3, lateMs: 60, lost: 0.3 };
  const one = {
    doubled: { doubled: 0.5 },
    "late and out of order": { late: 0.5, lateMs: 100 },
    lost: { lost: 0.7 },
  };

  it.each(Object.entries(IS_LONG ? { ...one, "all of that": allOfThat } : { "all of that": allOfThat }))(
    "%s: the same books",
    async (name, faults) => {
      await world.startBridge();
      world.chain.control.disturbMessages({ ...faults, rng: new Rng(name) });
      await setFirstVector();
      const before = (await all()).length;
      await publishVerdict();
      // Not until it is known as submitted: its answer may come after the block that has it.
      await world.mineUntil(async () => (await all()).length > before);
      await settle();
      world.chain.control.disturbMessages();
      expect(await audited(`messages ${name}`)).toMatchObject({ failed: 0 });
    },
  );
});

describe("a connection that breaks", () => {
  it.each(["lose_request", "lose_reply"] as const)(
    "amid a submission (%s): one intent, one inclusion",
    async (kind) => {
      await world.startBridge();
      await setFirstVector();
      world.chain.control.failNextSubmit({ kind });
      world.chain.control.failNextSubmit({ kind });
      await publishVerdict();
      const before = (await all()).length;
      await world.mineUntil(async () => (await all()).length > before);
      await settle();
      expect(await audited(kind)).toMatchObject({ failed: 0 });
    },
  );

  it("every few blocks", async () => {
    await world.startBridge();
    await setFirstVector();
    for (let round = 0; round < 5; round++) {
      await publishVerdict();
      world.chain.control.produceBlock(2);
      world.chain.control.dropSockets();
      await world.until(async () => (await cursorBlock(world.db)) === world.chain.control.finalizedBlock);
    }
    await settle();
    await audited("5 broken connections");
  });
});

describe("a submission that is refused", () => {
  const reject = (code: number, message: string, data?: string): SubmitFault => ({
    kind: "reject",
    code,
    message,
    ...(data === undefined ? {} : { data }),
  });
  const invalid = (data: string) => reject(1010, "Invalid Transaction", data);

  const refusals: readonly (readonly [ChainProblem, SubmitFault])[] = [
    ["STAKE_TOO_LOW", invalid("Custom error: 1")],
    ["RATE_LIMITED", invalid("Custom error: 6")],
    ["VECTOR_REFUSED", invalid("Custom error: 18")],
    ["HOTKEY_NOT_REGISTERED", invalid("Custom error: 19")],
    ["UNKNOWN", invalid("Custom error: 255")],
    ["BAD_PROOF", invalid("Transaction has a bad signature")],
    ["POOL_CONFLICT", reject(1014, "Priority is too low: (0 vs 0)", "The transaction has too low priority")],
  ];

  it("ends with the node's reason and is not in the chain; a new one follows after a pause", async () => {
    oneLongEpoch();
    await world.startBridge();
    for (const [code, fault] of refusals) {
      const known = (await all()).length;
      world.chain.control.failNextSubmit(fault);
      await publishVerdict();
      await world.mineUntil(
        async () => (await all()).length > known && (await newest())?.state === "finalized",
      );
      const refused = (await all()).at(-known - 1);
      expect(refused).toMatchObject({ state: "failed", problem: { code } });
    }
    await settle();
    const books = await audited("7 refusals");
    expect(books.failed).toBe(refusals.length);
    expect(books.inclusions).toBeGreaterThanOrEqual(refusals.length);
  });

  const undecided: readonly (readonly [string, SubmitFault])[] = [
    ["outdated, as when an earlier try is in a block", invalid("Transaction is outdated")],
    ["banned for a while", reject(1012, "Transaction is temporarily banned")],
    ["already imported", reject(1013, "Transaction Already Imported")],
  ];

  it("stays open when the node may have it already: the same bytes are tried again", async () => {
    oneLongEpoch();
    await world.startBridge();
    for (const [, fault] of undecided) {
      const known = (await all()).length;
      world.chain.control.failNextSubmit(fault);
      await publishVerdict();
      await world.mineUntil(async () => (await all()).at(-known - 1)?.state === "finalized");
      expect((await all()).at(-known - 1)?.submitAttempts).toBeGreaterThan(1);
    }
    await settle();
    expect(await audited("3 undecided")).toMatchObject({ failed: 0 });
  });
});

it("a node that comes back with an empty pool: the same bytes are sent again", async () => {
  await world.startBridge();
  await setFirstVector();
  await publishVerdict();
  await world.mineUntil(async () => (await all()).length > 1);
  await world.until(async () => (await newest())?.state === "submitted");
  const sent = await newest();
  world.chain.control.restartNode();
  await settle();
  expect((await newest())?.extrinsicHash).toBe(sent?.extrinsicHash);
  expect((await newest())?.submitAttempts).toBeGreaterThan(1);
  expect(await audited("lost pool")).toMatchObject({ failed: 0 });
});

describe("a node that lags", () => {
  it("is left when it is far behind what is booked, and nothing is signed by what it says", async () => {
    const lagging = await world.chain.control.startLaggingNode();
    const env = { CHAIN_BRIDGE_ENDPOINTS: `${world.chain.url},${lagging.url}` };
    try {
      const bridge = await world.startBridge({ env });
      await setFirstVector();
      lagging.setLag(Number.POSITIVE_INFINITY);
      world.chain.control.produceBlock(40);
      await world.until(async () => (await cursorBlock(world.db)) === world.chain.control.finalizedBlock);
      await publishVerdict();
      await settle();
      const before = (await all()).length;
      world.chain.control.dropSockets(); // the next endpoint is the one that lags, then the first again
      await publishVerdict();
      await world.mineUntil(async () => (await all()).length > before);
      await settle();
      expect((await bridge.client.getSubnet({})).bestBlock).toBeGreaterThan(40n);
      expect(await audited("far behind")).toMatchObject({ failed: 0 });
    } finally {
      await lagging.close();
    }
  });

  it("by a few blocks is used for nothing until it has caught up", async () => {
    const lagging = await world.chain.control.startLaggingNode();
    try {
      const first = await world.startBridge();
      await setFirstVector();
      lagging.setLag(Number.POSITIVE_INFINITY);
      await publishVerdict();
      await world.mineUntil(async () => (await all()).length > 1);
      await settle();
      await first.stop();
      const before = await all();
      const jobId = await publishVerdict();
      const second = await world.startBridge({ env: { CHAIN_BRIDGE_ENDPOINTS: lagging.url } });
      await world.until(() => isConnected(second));
      await world.until(async () => (await second.client.listPoints({ jobId })).points.length > 0);
      await new Promise((resolve) => setTimeout(resolve, 1_500)); // the points have woken it by now
      expect(await all()).toEqual(before);
      lagging.setLag(0);
      await world.mineUntil(async () => (await all()).length > before.length);
      await settle();
      expect(await audited("a few behind")).toMatchObject({ failed: 0 });
    } finally {
      await lagging.close();
    }
  });
});

/** Each for another contestant than the one before, so that the vector changes. */
async function publishVerdict(): Promise<string> {
  const jobId = newId();
  await world.publishVerdict(jobId, [{ contestant: verdicts++ % 4, rank: 1 }]);
  return jobId;
}

/** So that verdicts alone give reason to set weights. */
function oneLongEpoch(): void {
  world.chain.control.setStorage("SubtensorModule.Tempo", [NETUID], 1_000);
  world.chain.control.produceBlock();
}

async function setFirstVector(): Promise<void> {
  await world.mineUntil(async () => (await newest())?.state === "finalized");
}

/** No submission is open, and all that is final is booked. */
async function settle(): Promise<void> {
  const isQuiet = async () => ["finalized", "failed"].includes((await newest())?.state ?? "");
  const isBooked = async () => (await cursorBlock(world.db)) === world.chain.control.finalizedBlock;
  do {
    await world.mineUntil(isQuiet);
    await world.until(isBooked);
  } while (!(await isQuiet()));
}

async function audited(name: string): Promise<Books> {
  const books = await audit(world);
  noteFigures({
    promise: "after what a node and its network do the books equal the chain's",
    tries: 1,
    failures: 0,
    faults: { [name]: 1 },
    load: { "weight vectors in the chain": books.inclusions, "blocks booked": books.blocks },
  });
  return books;
}

async function all(): Promise<Submission[]> {
  const key = { genesisHash: world.chain.genesisHash, netuid: NETUID };
  return listSubmissions(world.db, key, 1_000);
}

async function newest(): Promise<Submission | undefined> {
  return (await all())[0];
}

function isConnected({ client }: RunningBridge): Promise<boolean> {
  return client.getSubnet({}).then(
    () => true,
    () => false,
  );
}
