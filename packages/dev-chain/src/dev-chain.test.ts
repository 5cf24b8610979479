import { ApiPromise, Keyring, WsProvider } from "@polkadot/api";
import type { SubmittableExtrinsic } from "@polkadot/api/types";
import type { KeyringPair } from "@polkadot/keyring/types";
import type { ProviderInterface } from "@polkadot/rpc-provider/types";
import type { EventRecord } from "@polkadot/types/interfaces";
import type { Codec } from "@polkadot/types/types";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type DevChain, startDevChain } from "./index.ts";

const NETUID = 56;
const TEMPO = 10;
const RATE_LIMIT = 5;

vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 });
const PATIENT = { timeout: 20_000 };

let chain: DevChain;
let api: ApiPromise;
let validator: KeyringPair;
let contestants: KeyringPair[];
let coldkey: KeyringPair;

beforeEach(async () => {
  chain = await startDevChain({
    blockMs: "manual",
    finalityLagBlocks: 2,
    tempo: TEMPO,
    weightsRateLimit: RATE_LIMIT,
    keepStates: 16,
  });
  // Its optional properties are declared without `undefined`, which ProviderInterface has.
  const provider = new WsProvider(chain.url, 50) as unknown as ProviderInterface;
  api = await ApiPromise.create({ provider, noInitWarn: true });
  const keyring = new Keyring({ type: "sr25519" });
  validator = keyring.addFromUri(chain.accounts.validator.hotkeyUri);
  contestants = chain.accounts.contestants.map(({ hotkeyUri }) => keyring.addFromUri(hotkeyUri));
  coldkey = keyring.addFromUri(chain.accounts.owner.coldkeyUri);
});

afterEach(async () => {
  await api.disconnect();
  await chain.close();
});

const NO_SUCH = () => {
  throw new Error("The metadata has no such call or item");
};

function tx(path: string, ...args: unknown[]): SubmittableExtrinsic<"promise"> {
  const [section = "", method = ""] = path.split(".");
  return (api.tx[section]?.[method] ?? NO_SUCH)(...args);
}

async function read(
  path: string,
  args: unknown[] = [],
  at: { query: ApiPromise["query"] } = api,
): Promise<Codec> {
  const [section = "", method = ""] = path.split(".");
  return (at.query[section]?.[method] ?? NO_SUCH)(...args);
}

const setWeights = (uids: number[], weights: number[], versionKey = 0) =>
  tx("subtensorModule.setMechanismWeights", NETUID, 0, uids, weights, versionKey);
const subtensor = (item: string, ...args: unknown[]) => read(`subtensorModule.${item}`, args);
const events = async (at?: { query: ApiPromise["query"] }) =>
  (await read("system.events", [], at)) as unknown as EventRecord[];
const contestant = (number: number) => contestants[number] as KeyringPair; // the dev chain registers four
const hashOf = (error: unknown) => (error as Error).message;

/** Submits, makes one block, and returns the events of our extrinsic in it. */
async function include(extrinsic: SubmittableExtrinsic<"promise">, signer: KeyringPair): Promise<string[]> {
  const signed = await extrinsic.signAsync(signer);
  await api.rpc.author.submitExtrinsic(signed);
  chain.control.produceBlock();
  const at = await api.at(await api.rpc.chain.getBlockHash());
  const records = await events(at);
  return records
    .filter(({ phase }) => phase.isApplyExtrinsic && phase.asApplyExtrinsic.eqn(1))
    .map(({ event }) => describeEvent(event));
}

function describeEvent(event: EventRecord["event"]): string {
  const [error] = event.data as unknown as [{ isModule?: boolean; asModule: Uint8Array; toString(): string }];
  if (event.method !== "ExtrinsicFailed") return event.method;
  return error.isModule ? api.registry.findMetaError(error.asModule as never).name : error.toString();
}

describe("weights", () => {
  it("are signed, included, stored as sent when their maximum is 65535, and finalized with the lag", async () => {
    expect(await include(setWeights([2, 3], [65_535, 32_768]), validator)).toEqual([
      "WeightsSet",
      "ExtrinsicSuccess",
    ]);
    expect((await subtensor("weights", NETUID, 1)).toJSON()).toEqual([
      [2, 65_535],
      [3, 32_768],
    ]);
    expect((await subtensor("lastUpdate", NETUID)).toJSON()).toEqual([0, 1, 0, 0, 0, 0]);
    expect(chain.control.finalizedBlock).toBe(0);
    chain.control.produceBlock(2);
    const finalized = await api.rpc.chain.getHeader(await api.rpc.chain.getFinalizedHead());
    expect(finalized.number.toNumber()).toBe(1);
  });

  it("are refused by the pool inside the rate limit, and taken when it is over", async () => {
    await include(setWeights([2], [65_535]), validator);
    await expect(include(setWeights([3], [65_535]), validator)).rejects.toThrow(
      "1010: Invalid Transaction: Custom error: 6",
    );
    chain.control.produceBlock(RATE_LIMIT - 1);
    expect(await include(setWeights([3], [65_535]), validator)).toContain("WeightsSet");
  });

  it("are refused by the pool without enough stake (1), from an unknown hotkey (19) and with unequal lengths (18)", async () => {
    await expect(include(setWeights([2], [65_535]), contestant(0))).rejects.toThrow("Custom error: 1");
    await expect(include(setWeights([2], [65_535]), coldkey)).rejects.toThrow("Custom error: 19");
    await expect(include(setWeights([2, 3], [65_535]), validator)).rejects.toThrow("Custom error: 18");
  });

  it.each([
    { item: "CommitRevealWeightsEnabled", value: true, uids: [2, 99], error: "CommitRevealEnabled" },
    { item: "NetworksAdded", value: false, uids: [2, 99], error: "MechanismDoesNotExist" },
    { item: "WeightsVersionKey", value: 7, uids: [99, 99], error: "IncorrectWeightVersionKey" },
    {
      item: "ValidatorPermit",
      value: [false, false, false, false, false, false],
      uids: [99, 99],
      error: "NeuronNoValidatorPermit",
    },
    { item: "Tempo", value: TEMPO, uids: [99, 99], error: "DuplicateUids" },
    { item: "MinAllowedWeights", value: 5, uids: [2, 99], error: "UidVecContainInvalidOne" },
    { item: "MinAllowedWeights", value: 5, uids: [2, 3], error: "WeightVecLengthIsLow" },
    { item: "Tempo", value: TEMPO, uids: [0, 1, 2, 3, 4, 5, 6], error: "UidsLengthExceedUidsInSubNet" },
  ])(
    "fail at dispatch with $error, the first check that does not hold",
    async ({ item, value, uids, error }) => {
      chain.control.setStorage(`SubtensorModule.${item}`, [NETUID], value);
      chain.control.produceBlock();
      expect(
        await include(
          setWeights(
            uids,
            uids.map(() => 65_535),
          ),
          validator,
        ),
      ).toEqual([error]);
      expect((await subtensor("weights", NETUID, 1)).toJSON()).toEqual([]);
    },
  );
});

describe("epochs", () => {
  it("run every tempo blocks, pay miners in the Initialization phase and burn the owner's part", async () => {
    await include(setWeights([0, 2], [65_535, 65_535]), validator);
    chain.control.produceBlock(TEMPO - 2);
    expect((await subtensor("subnetEpochIndex", NETUID)).toString()).toBe("0");
    chain.control.produceBlock();
    expect((await subtensor("subnetEpochIndex", NETUID)).toString()).toBe("1");
    const records = await events();
    const reward = records.find(({ event }) => event.method === "IncentiveAlphaEmittedToMiners");
    const perMiner = (10n * (1_000_000_000n - 179_995_422n)) / 4n;
    expect(reward?.phase.isInitialization).toBe(true);
    const emissions = reward?.event.data[1]?.toJSON();
    expect(emissions).toEqual([Number(perMiner), 0, Number(perMiner), 0, 0, 0]);
    const stakeOf = async (hotkey: string) =>
      BigInt((await subtensor("totalHotkeyAlpha", hotkey, NETUID)).toString());
    expect(await stakeOf(contestant(0).address)).toBe(perMiner);
    expect(await stakeOf(chain.accounts.owner.hotkey)).toBe(10n * 179_995_422n);
  });

  it("are announced by the runtime API", async () => {
    const next = async () =>
      (await (api.call["subnetInfoRuntimeApi"]?.["getNextEpochStartBlock"] ?? NO_SUCH)(NETUID)).toString();
    expect(await next()).toBe("10");
    chain.control.produceBlock(10);
    expect(await next()).toBe("20");
  });
});

describe("history and forks", () => {
  it("reads the past through api.at until the state is discarded", async () => {
    await include(setWeights([2], [65_535]), validator);
    chain.control.produceBlock(3);
    const at = async (number: number) => api.at(await api.rpc.chain.getBlockHash(number));
    expect((await read("subtensorModule.weights", [NETUID, 1], await at(0))).toJSON()).toEqual([]);
    expect((await read("subtensorModule.weights", [NETUID, 1], await at(1))).toJSON()).toEqual([[2, 65_535]]);
    chain.control.produceBlock(20);
    await expect(read("subtensorModule.weights", [NETUID, 2], await at(1))).rejects.toThrow(
      "State already discarded",
    );
  });

  it("retracts a transaction in a reorganised block and includes it again", async () => {
    const seen: string[] = [];
    const done = new Promise<void>((resolve, reject) => {
      setWeights([2], [65_535])
        .signAndSend(validator, ({ status }) => {
          seen.push(status.type);
          if (status.isReady) chain.control.produceBlock();
          if (status.isInBlock && !seen.includes("Retracted")) chain.control.reorg(1);
          else if (status.isRetracted) chain.control.produceBlock();
          else if (status.isInBlock) chain.control.produceBlock(2);
          if (status.isFinalized) resolve();
        })
        .catch(reject);
    });
    await done;
    expect(seen).toEqual(["Ready", "InBlock", "Retracted", "InBlock", "Finalized"]);
  });

  it("never reorganises what is final", () => {
    chain.control.produceBlock(5);
    expect(() => chain.control.reorg(3)).toThrow("block 3 is final");
  });

  it("keeps the finalized head while finality stalls, then jumps and notifies the last block alone", async () => {
    const heads: number[] = [];
    const stop = await api.rpc.chain.subscribeFinalizedHeads((header) => {
      heads.push(header.number.toNumber());
    });
    chain.control.stallFinality();
    chain.control.produceBlock(6);
    expect(chain.control.finalizedBlock).toBe(0);
    chain.control.resumeFinality();
    await expect.poll(() => heads, PATIENT).toEqual([0, 4]);
    stop();
  });
});

describe("the pool", () => {
  it("checks the signature over the reconstructed payload", async () => {
    const signed = await setWeights([2], [65_535]).signAsync(validator);
    const weight = (bytes: string) => bytes.replace(/ffff(0{16})$/, "fffe$1");
    await expect(api.rpc.author.submitExtrinsic(weight(signed.toHex()))).rejects.toThrow("bad signature");
  });

  it("names stale nonces, duplicates and a second transaction with the same nonce", async () => {
    const remark = (text: string, nonce: number) =>
      tx("system.remarkWithEvent", text).signAsync(coldkey, { nonce });
    const first = await remark("one", 0);
    await api.rpc.author.submitExtrinsic(first);
    await expect(api.rpc.author.submitExtrinsic(first)).rejects.toThrow("1013");
    await expect(api.rpc.author.submitExtrinsic(await remark("two", 0))).rejects.toThrow("1014");
    chain.control.produceBlock();
    await expect(api.rpc.author.submitExtrinsic(await remark("three", 0))).rejects.toThrow(
      "Transaction is outdated",
    );
  });

  it("holds a transaction with a future nonce until its turn", async () => {
    await api.rpc.author.submitExtrinsic(
      await tx("system.remark", "second").signAsync(coldkey, { nonce: 1 }),
    );
    chain.control.produceBlock();
    expect((await api.rpc.author.pendingExtrinsics()).length).toBe(1);
    await api.rpc.author.submitExtrinsic(await tx("system.remark", "first").signAsync(coldkey, { nonce: 0 }));
    chain.control.produceBlock();
    expect((await read("system.account", [coldkey.address])).toJSON()).toMatchObject({ nonce: 2 });
  });

  it("lets a mortal transaction die with its era", async () => {
    const signed = await tx("system.remark", "late").signAsync(coldkey, { era: 8 });
    chain.control.produceBlock(9);
    await expect(api.rpc.author.submitExtrinsic(signed)).rejects.toThrow("bad signature");
  });

  it("asks a fee for what is not free", async () => {
    await expect(
      api.rpc.author.submitExtrinsic(await tx("system.remark", "x").signAsync(validator)),
    ).rejects.toThrow("Inability to pay some fees");
    const { partialFee } = await tx("balances.transferKeepAlive", validator.address, 1000).paymentInfo(
      coldkey,
    );
    expect(partialFee.toBigInt()).toBeGreaterThan(137_000n);
  });
});

describe("balances", () => {
  it("respect the existential deposit of 500 rao", async () => {
    const transfer = (amount: number) => tx("balances.transferAllowDeath", contestant(0).address, amount);
    expect((await include(transfer(499), coldkey)).at(-1)).toContain("BelowMinimum");
    expect(await include(transfer(500), coldkey)).toEqual([
      "Withdraw",
      "NewAccount",
      "Endowed",
      "Transfer",
      "TransactionFeePaid",
      "ExtrinsicSuccess",
    ]);
  });
});

describe("faults", () => {
  it("rejects, swallows the answer or swallows the request of a submission", async () => {
    const remark = (nonce: number) => tx("system.remark", `${nonce}`).signAsync(coldkey, { nonce });
    chain.control.failNextSubmit({
      kind: "reject",
      code: 1010,
      message: "Invalid Transaction",
      data: "Custom error: 1",
    });
    await expect(api.rpc.author.submitExtrinsic(await remark(0))).rejects.toThrow("Custom error: 1");
    chain.control.failNextSubmit({ kind: "lose_reply" });
    await expect(api.rpc.author.submitExtrinsic(await remark(0)).catch(hashOf)).resolves.toBeDefined();
    await expect.poll(() => api.isConnected, PATIENT).toBe(true);
    expect((await api.rpc.author.pendingExtrinsics()).length).toBe(1);
  });

  it("can drop its sockets; a client reconnects to the same chain", async () => {
    chain.control.dropSockets();
    await expect.poll(() => api.isConnected, PATIENT).toBe(false);
    await expect.poll(() => api.isConnected, PATIENT).toBe(true);
    expect((await api.rpc.chain.getBlockHash(0)).toHex()).toBe(chain.genesisHash);
  });
});
