// What the integration tests share: a database and a NATS server of their own, a dev chain that mines on demand, and the service on top.

import type { DescMessage } from "@bufbuild/protobuf";
import { create, type MessageInitShape, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { type Bus, connectBus, ensureStreams } from "@gradients/bus";
import { decodeEvent, eventByType } from "@gradients/contracts/catalogue";
import { ChainService } from "@gradients/contracts/chain";
import { JobScoredSchema } from "@gradients/contracts/event";
import { checkInvariants, createDatabase, ensureSchema, migrate } from "@gradients/db";
import { type DevChain, type DevChainOptions, startDevChain } from "@gradients/dev-chain";
import { newId } from "@gradients/kernel";
import { createRpcClient, type RpcClient } from "@gradients/rpc";
import { createLogger, type LogLevel } from "@gradients/runtime";
import { createTestDatabase, testNats } from "@gradients/testkit";
import { headers as natsHeaders } from "nats";
import { expect } from "vitest";
import { createChainBridge } from "../chain-bridge.ts";
import { loadConfig } from "../config.ts";
import type { ConnectChain } from "../deps.ts";
import { invariants } from "../store/invariants.ts";
import { migrations } from "../store/migrations/index.ts";
import type { BridgeDatabase, Tables } from "../store/schema.ts";

export const NETUID = 56;

interface BridgeOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly connect?: ConnectChain;
}

export interface RunningBridge {
  readonly client: RpcClient<typeof ChainService>;
  stop(): Promise<void>;
}

interface RankedContestant {
  /** Number of the dev chain's contestant, from 0. */
  readonly contestant: number;
  readonly rank: number;
  readonly gainLow?: number;
}

export interface World extends AsyncDisposable {
  readonly chain: DevChain;
  readonly db: BridgeDatabase;
  /** What a bridge in a process of its own is started with. */
  readonly environment: Readonly<Record<string, string>>;
  startBridge(options?: BridgeOptions): Promise<RunningBridge>;
  /** Publishes a verdict as the scorer's relay would; its event id. */
  publishVerdict(jobId: string, ranking: readonly RankedContestant[], eventId?: string): Promise<string>;
  /** Events of a type that have been published so far. */
  published<Desc extends DescMessage>(schema: Desc): Promise<readonly MessageShape<Desc>[]>;
  /** Makes blocks until the condition holds. */
  mineUntil(condition: () => Promise<boolean> | boolean, patienceMs?: number): Promise<void>;
  /** Polls without making blocks. */
  until(condition: () => Promise<boolean> | boolean, patienceMs?: number): Promise<void>;
}

const logger = createLogger({ service: "test", level: (process.env["DBG"] ?? "silent") as LogLevel });

export async function createWorld(chainOptions: DevChainOptions = {}): Promise<World> {
  const [database, nats, chain] = await Promise.all([
    createTestDatabase(),
    testNats(),
    startDevChain({
      blockMs: "manual",
      finalityLagBlocks: 2,
      tempo: 10,
      weightsRateLimit: 3,
      ...chainOptions,
    }),
  ]);
  const url = await ensureSchema(database.url, {
    schema: "chain_bridge",
    role: `role_${database.name}`,
    password: "p",
  });
  const db = createDatabase<Tables>(
    { url, schema: "chain_bridge", applicationName: "test", poolSize: 2 },
    logger,
  );
  const bus = await connectBus({ servers: [nats.url], name: "test" }, logger);
  await ensureStreams(bus);
  await migrate(db, migrations);
  const running = new Set<RunningBridge>();
  let hasStarted = false;

  const until = async (
    condition: () => Promise<boolean> | boolean,
    patienceMs = PATIENCE_MS,
    between: () => Promise<void> | void = () => undefined,
  ) => {
    const deadline = performance.now() + patienceMs;
    while (!(await condition())) {
      if (performance.now() > deadline)
        throw new Error(`Waited ${patienceMs} ms for ${condition.toString()}`);
      await between();
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
  };

  let minedAt = 0;
  /** A busy machine must not bury the bridge in blocks; one that was told of none must hear of the next. */
  const mineAtItsPace = async () => {
    const { control } = chain;
    const isClose = control.finalizedBlock - (await cursorBlock(db)) < MOST_BLOCKS_TO_BOOK;
    if (!isClose && performance.now() - minedAt < SLOWEST_BLOCK_MS) return;
    control.produceBlock();
    minedAt = performance.now();
  };

  return {
    chain,
    db,
    environment: environment(url, nats.url, chain),
    startBridge: async ({ env = {}, connect } = {}) => {
      const config = loadConfig({ env: { ...environment(url, nats.url, chain), ...env }, argv: [] });
      const service = await createChainBridge(config, { logger, ...(connect ? { connect } : {}) });
      const { grpc = "" } = await service.start();
      hasStarted = true;
      const stopping = new AbortController();
      const ended = service.run(stopping.signal);
      const client = createRpcClient(ChainService, { target: grpc, defaultDeadlineMs: 5_000 });
      const bridge: RunningBridge = {
        client,
        stop: async () => {
          running.delete(bridge);
          client.close();
          stopping.abort();
          await ended;
        },
      };
      running.add(bridge);
      return bridge;
    },
    publishVerdict: (jobId, ranking, eventId = newId()) =>
      publishVerdict(bus, chain, jobId, ranking, eventId),
    published: (schema) => published(bus, schema),
    mineUntil: (condition, patienceMs) => until(condition, patienceMs, mineAtItsPace),
    until: (condition, patienceMs) => until(condition, patienceMs),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([...running].map((bridge) => bridge.stop()));
      const violations = hasStarted ? await checkInvariants(db, invariants, { windowHours: 24 }) : [];
      await bus.close();
      await db.close();
      await Promise.all([chain.close(), nats.stop(), database.drop()]);
      expect(violations).toEqual([]);
    },
  };
}

const PATIENCE_MS = 100_000;
const MOST_BLOCKS_TO_BOOK = 4;
const SLOWEST_BLOCK_MS = 1_000;

/** The newest block that is booked. */
export async function cursorBlock(db: BridgeDatabase): Promise<number> {
  const row = await db.q.selectFrom("chain_cursor").select("block_number").executeTakeFirst();
  return Number(row?.block_number ?? 0);
}

function environment(databaseUrl: string, natsUrl: string, chain: DevChain): Record<string, string> {
  return {
    CHAIN_BRIDGE_GRPC_PORT: "0",
    CHAIN_BRIDGE_DATABASE_URL: databaseUrl,
    CHAIN_BRIDGE_NATS_SERVERS: natsUrl,
    CHAIN_BRIDGE_ENDPOINTS: chain.url,
    CHAIN_BRIDGE_NETUID: String(NETUID),
    CHAIN_BRIDGE_START_BLOCK: "1",
    CHAIN_BRIDGE_HOTKEY: chain.accounts.validator.hotkeyUri,
  };
}

async function publishVerdict(
  bus: Bus,
  { accounts }: DevChain,
  jobId: string,
  ranking: readonly RankedContestant[],
  eventId: string,
): Promise<string> {
  const entries = ranking.map(({ contestant, rank, gainLow = 0.1 }) => ({
    attemptId: newId(),
    recipeId: `recipe ${contestant}`,
    contestantHotkey: accounts.contestants[contestant]?.hotkey ?? "",
    rank,
    gainOverBase: { value: gainLow + 0.1, low: gainLow, high: gainLow + 0.2 },
  }));
  await publish(bus, JobScoredSchema, { jobId, ranking: entries }, jobId, eventId);
  return eventId;
}

/** Without Nats-Msg-Id, so that the stream keeps what is published twice and the inbox has to notice. */
async function publish<Desc extends DescMessage>(
  bus: Bus,
  schema: Desc,
  init: MessageInitShape<Desc>,
  aggregateId: string,
  eventId: string,
): Promise<void> {
  const header = natsHeaders();
  header.set("ce-id", eventId);
  header.set("ce-type", schema.typeName);
  header.set("ce-subject", aggregateId);
  header.set("ce-time", new Date().toISOString());
  await bus.jetstream.publish(subjectOf(schema), toBinary(schema, create(schema, init)), { headers: header });
}

async function published<Desc extends DescMessage>(bus: Bus, schema: Desc): Promise<MessageShape<Desc>[]> {
  const manager = await bus.manager();
  const { state } = await manager.streams.info("EVENTS");
  const found: MessageShape<Desc>[] = [];
  for (let sequence = state.first_seq; state.messages > 0 && sequence <= state.last_seq; sequence++) {
    const message = await manager.streams.getMessage("EVENTS", { seq: sequence });
    if (message?.subject === subjectOf(schema)) found.push(decodeEvent(schema, message.data));
  }
  return found;
}

function subjectOf(schema: DescMessage): string {
  return eventByType(schema.typeName)?.subject ?? "";
}
