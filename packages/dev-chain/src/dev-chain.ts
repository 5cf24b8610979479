import { type Clock, systemClock } from "@gradients/kernel";
import { cryptoWaitReady } from "@polkadot/util-crypto";
import type { Block } from "./chain/block-tree.ts";
import { ChainEngine } from "./chain/chain-engine.ts";
import { type DevAccounts, devAccounts } from "./dev-accounts.ts";
import { type LaggingNode, startLaggingNode } from "./lagging-node.ts";
import { type MessageFaults, type RpcServer, type SubmitFault, startRpcServer } from "./rpc/server.ts";

export interface DevChainOptions {
  /** 0 lets the system choose. */
  readonly port?: number;
  readonly host?: string;
  /** Time between blocks, or "manual": then blocks are made by `control.produceBlock` alone, 12 s of chain time apart. */
  readonly blockMs?: number | "manual";
  readonly finalityLagBlocks?: number;
  readonly netuid?: number;
  /** Blocks of an epoch. */
  readonly tempo?: number;
  /** Blocks between two weight vectors of one validator. */
  readonly weightsRateLimit?: number;
  readonly stakeThresholdRao?: bigint;
  /** Blocks behind the finalized one whose state can still be read. */
  readonly keepStates?: number;
  readonly accounts?: DevAccounts;
  readonly clock?: Clock;
}

export interface DevChain {
  readonly url: string;
  readonly genesisHash: string;
  readonly netuid: number;
  readonly accounts: DevAccounts;
  readonly control: DevChainControl;
  close(): Promise<void>;
}

/** What a test or an operator does to the chain from outside. */
export interface DevChainControl {
  readonly bestBlock: number;
  readonly finalizedBlock: number;
  /** Makes `count` blocks at once. */
  produceBlock(count?: number): void;
  /** Replaces the last `depth` unfinalized blocks by empty siblings and one more; their transactions return to the pool, or are lost. */
  reorg(depth: number, options?: { readonly loseTransactions?: boolean }): void;
  stallFinality(): void;
  resumeFinality(): void;
  dropSockets(): void;
  failNextSubmit(fault: SubmitFault): void;
  /** From now on, on every connection; without an argument messages arrive as they should again. */
  disturbMessages(faults?: MessageFaults): void;
  /** The node goes down and up again: connections break, what waited in its pool is gone. */
  restartNode(): void;
  /** A second node of this chain that lags behind; close it before the chain. */
  startLaggingNode(): Promise<LaggingNode>;
  /** Sets a storage item ("SubtensorModule.Tempo") in the next block. */
  setStorage(item: string, args: readonly unknown[], value: unknown): void;
}

const MANUAL_BLOCK_MS = 12_000;

/** Starts an in-process Substrate node with the pallets of subtensor that the platform uses. The development keys hold its uids. */
export async function startDevChain(options: DevChainOptions = {}): Promise<DevChain> {
  await cryptoWaitReady();
  const { blockMs = 1000, netuid = 56, clock = systemClock, host = "127.0.0.1" } = options;
  const accounts = options.accounts ?? (await devAccounts());
  const startedAt = clock.now().getTime();
  const engine = new ChainEngine({
    netuid,
    accounts,
    tempo: options.tempo ?? 20,
    weightsRateLimit: options.weightsRateLimit ?? 5,
    stakeThresholdRao: options.stakeThresholdRao ?? 1_000_000_000_000n,
    finalityLagBlocks: options.finalityLagBlocks ?? 2,
    keepStates: options.keepStates ?? 2_400,
    timeOf: (number) => (blockMs === "manual" ? startedAt + number * MANUAL_BLOCK_MS : clock.now().getTime()),
  });
  const server = await startRpcServer(engine, host, options.port ?? 0);
  const stop = new AbortController();
  const production =
    blockMs === "manual" ? Promise.resolve() : produceForEver(engine, blockMs, clock, stop.signal);
  return {
    url: server.url,
    genesisHash: engine.genesisHash,
    netuid,
    accounts,
    control: controlOf(engine, server, host),
    close: async () => {
      stop.abort();
      await production;
      await server.close();
    },
  };
}

async function produceForEver(
  engine: ChainEngine,
  blockMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(blockMs, signal).catch(() => undefined);
    if (!signal.aborted) engine.produceBlock();
  }
}

function controlOf(engine: ChainEngine, server: RpcServer, host: string): DevChainControl {
  const numberOf = ({ number }: Block) => number;
  return {
    get bestBlock() {
      return numberOf(engine.tree.best);
    },
    get finalizedBlock() {
      return numberOf(engine.tree.finalized);
    },
    produceBlock: (count = 1) => {
      for (let made = 0; made < count; made++) engine.produceBlock();
    },
    reorg: (depth, { loseTransactions = false } = {}) => {
      engine.reorganise(depth, loseTransactions);
    },
    stallFinality: () => engine.stallFinality(true),
    resumeFinality: () => engine.stallFinality(false),
    dropSockets: server.dropSockets,
    failNextSubmit: server.failNextSubmit,
    disturbMessages: server.disturbMessages,
    restartNode: () => {
      server.dropSockets();
      engine.pool.clear();
    },
    startLaggingNode: () => startLaggingNode(engine, host),
    setStorage: (item, args, value) => engine.override({ item, args, value }),
  };
}
