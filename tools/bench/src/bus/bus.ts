import { join } from "node:path";
import { ensureSchema } from "@gradients/db";
import { type Nats, type Postgres, startNats, startPostgres } from "@gradients/testkit";
import { paths } from "../../../setup/paths.mjs";
import { type Benchmark, type Figure, type Findings, figureTable, type RunOptions } from "../benchmark.ts";
import { type Child, startChild } from "../child.ts";
import { versionOf } from "../machine.ts";
import { cpuSecondsOf } from "../processes.ts";
import { median } from "../statistics.ts";
import { type Latencies, latencyFigures, latencyMethod, measureLatencies } from "./latency.ts";
import { prepareSchema } from "./tables.ts";

export const busBenchmark: Benchmark = {
  name: "bus",
  title: "Events through outbox and inbox",
  about: "rate and latency of events from one service's outbox to another's inbox",
  minutes: 2,
  run,
};

async function run(options: RunOptions): Promise<Findings> {
  await using world = await startWorld(options);
  const size = options.isQuick ? 4_000 : 20_000;
  await warmUp(world);
  const rounds: Round[] = [];
  const latencies: Latencies[] = [];
  for (let index = 0; index < (options.isQuick ? 1 : 3); index += 1) {
    rounds.push(await oneRound(world, size, index % 2 === 1));
    latencies.push(await measureLatencies(world, options.isQuick ? 3 : 5, index % 2 === 1));
    options.say(`  round ${index + 1}: ${Math.round(rounds.at(-1)?.ours ?? 0)} events/s`);
  }
  return {
    method: `${size} events of ${rounds.length === 1 ? "one round" : `each of ${rounds.length} rounds`} wait in the outbox of one process; the rate counts from the start of its relay to the last event handled by another process, each with its inbox row, PostgreSQL with fsync on. Beside it, in the same rounds and in turns: JetStream's own client publishing (500 on their way) and acknowledging the same payload between the same processes; PostgreSQL alone taking the bus's four statements in batches of 500 rows on one connection. ${latencyMethod} Medians of the rounds; CPU of the process alone.`,
    tables: [figureTable([...rateFigures(rounds), ...latencyFigures(latencies)])],
    versions: {
      PostgreSQL: await versionOf(join(paths.postgresBin, "postgres")),
      NATS: await versionOf(paths.natsServer, ["--version"]),
    },
  };
}

interface World extends AsyncDisposable {
  readonly postgres: Postgres;
  readonly nats: Nats;
  readonly publisher: Child;
  readonly consumer: Child;
}

async function startWorld({ profileDir }: RunOptions): Promise<World> {
  await using cleanup = new AsyncDisposableStack();
  const [postgres, nats] = await Promise.all([startPostgres(), startNats({ maxStoreBytes: 2 ** 32 })]);
  cleanup.use(postgres);
  cleanup.use(nats);
  const start = async (name: "publisher" | "consumer") => {
    const schema = { schema: name, role: `bench_${name}`, password: crypto.randomUUID() };
    const url = await ensureSchema(postgres.url, schema);
    await prepareSchema(url, name);
    const program = new URL(`./${name}-program.ts`, import.meta.url);
    return cleanup.use(await startChild(program, { args: [url, name, nats.url], profileDir }));
  };
  const publisher = await start("publisher");
  const consumer = await start("consumer");
  const owned = cleanup.move();
  return { postgres, nats, publisher, consumer, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

interface Round {
  readonly ours: number;
  readonly oursWithStatement: number;
  readonly micros: Cpu;
  readonly nats: number;
  readonly postgres: number;
}

/** What was compiled hot stays hot. */
async function warmUp(world: World): Promise<void> {
  await drain(world, 3_000, true);
  await bareNats(world, 3_000);
  await world.publisher.ask("writeBare", 1_000);
  await measureLatencies(world, 2, false);
}

async function oneRound(world: World, size: number, peersFirst: boolean): Promise<Round> {
  const peers = async () => ({
    nats: await bareNats(world, size),
    postgres: await barePostgres(world, size),
  });
  const before = peersFirst ? await peers() : undefined;
  const ours = await drain(world, size, false);
  const withStatement = await drain(world, Math.round(size / 2), true);
  const { nats, postgres } = before ?? (await peers());
  return {
    ours: ours.rate,
    oursWithStatement: withStatement.rate,
    micros: ours.micros,
    nats,
    postgres,
  };
}

/** Events a second from a full outbox to handled, and what each cost the two processes. */
async function drain({ publisher, consumer }: World, count: number, withEffect: boolean) {
  await publisher.ask("append", count, 500);
  await consumer.ask("expect", count, withEffect);
  const before = await cpuOf(publisher, consumer);
  const startedAt = await publisher.ask<number>("relay");
  const handledAt = await consumer.ask<number>("handled");
  const after = await cpuOf(publisher, consumer);
  await publisher.ask("stopRelay");
  const micros = Object.fromEntries(
    measured.map((name) => [name, ((after[name] - before[name]) / count) * 1e6]),
  );
  return {
    rate: (count / (handledAt - startedAt)) * 1e6,
    micros: micros as Cpu,
  };
}

const measured = ["relay", "consumer", "PostgreSQL", "NATS"] as const;
type Cpu = Readonly<Record<(typeof measured)[number], number>>;

async function cpuOf(publisher: Child, consumer: Child): Promise<Cpu> {
  return {
    relay: await publisher.ask<number>("cpu"),
    consumer: await consumer.ask<number>("cpu"),
    PostgreSQL: cpuSecondsOf("postgres"),
    NATS: cpuSecondsOf("nats-server"),
  };
}

async function bareNats({ publisher, consumer }: World, count: number): Promise<number> {
  await publisher.ask("makeBareStream");
  const consuming = consumer.ask<number>("consumeBareUntil", count);
  const startedAt = await publisher.ask<number>("publishBare", count);
  return (count / ((await consuming) - startedAt)) * 1e6;
}

async function barePostgres({ publisher }: World, count: number): Promise<number> {
  return (count / (await publisher.ask<number>("writeBare", count))) * 1e6;
}

function rateFigures(rounds: readonly Round[]): readonly Figure[] {
  const middle = (pick: (round: Round) => number) => median(rounds.map(pick));
  const ours = middle(({ ours }) => ours);
  const unit = "events/s";
  return [
    {
      what: "outbox to inbox",
      value: ours,
      unit,
      beside: { what: "bare JetStream", value: middle(({ nats }) => nats) },
      target: { atLeast: 10_000 },
    },
    {
      what: "the same beside PostgreSQL alone",
      value: ours,
      unit,
      beside: { what: "bare PostgreSQL", value: middle(({ postgres }) => postgres) },
    },
    { what: "with one statement in each handler", value: middle((round) => round.oursWithStatement), unit },
    ...measured.map((name) => ({
      what: `CPU of ${name}`,
      value: middle(({ micros }) => micros[name]),
      unit: "us/event",
    })),
  ];
}
