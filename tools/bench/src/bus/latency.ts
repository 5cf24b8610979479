import type { Figure } from "../benchmark.ts";
import type { Child } from "../child.ts";
import { median, percentile } from "../statistics.ts";
import type { Committed } from "./bare-chain.ts";
import type { Stamp } from "./bare-nats.ts";

const RATE = 1_000;
/** Of the rate, below which the latencies would be those of another one. */
const REACHED = 0.98;

export const latencyMethod = `Latency is from the publisher's knowledge of its commit to the handler, one event a transaction, ${RATE} a second asked for; when they are not reached, the latency is that of the rate which was. Beside it, in turns: JetStream's own client, from publish to arrival; and PostgreSQL with JetStream's client and nothing between them, each row committed, then published by who committed it, then noted in a transaction where it arrives.`;

interface Both {
  readonly publisher: Child;
  readonly consumer: Child;
}

/** Of one round, in milliseconds. */
export interface Latencies {
  readonly ours: readonly number[];
  readonly bareNats: readonly number[];
  readonly bareChain: readonly number[];
  /** What the publisher's commits took. */
  readonly commits: readonly number[];
  readonly bareCommits: readonly number[];
  /** Commits a second. */
  readonly reached: number;
}

export async function measureLatencies(both: Both, seconds: number, peersFirst: boolean): Promise<Latencies> {
  const peers = async () => ({
    ...(await measureChain(both, seconds)),
    bareNats: await measureNats(both, seconds),
  });
  const before = peersFirst ? await peers() : undefined;
  const ours = await measureOurs(both, seconds);
  return { ...ours, ...(before ?? (await peers())) };
}

async function measureOurs({ publisher, consumer }: Both, seconds: number) {
  await startRelay({ publisher, consumer });
  await consumer.ask("expect", RATE * seconds, false);
  const committed = await publisher.ask<readonly Committed[]>("appendPaced", RATE, seconds);
  await consumer.ask("handled");
  await publisher.ask("stopRelay");
  const handled = await consumer.ask<readonly Stamp[]>("stamps");
  return {
    ours: differences(committed, handled),
    commits: committed.map(({ took }) => took / 1000),
    reached: rateOf(committed),
  };
}

/** Its connections and its lock take longer than an event: it has relayed one before others are timed. */
async function startRelay({ publisher, consumer }: Both): Promise<void> {
  await publisher.ask("relay");
  await consumer.ask("expect", 1, false);
  await publisher.ask("append", 1, 1);
  await consumer.ask("handled");
}

async function measureChain({ publisher, consumer }: Both, seconds: number) {
  await publisher.ask("makeBareStream");
  const noting = consumer.ask<readonly Stamp[]>("noteArrivals", RATE * seconds);
  const committed = await publisher.ask<readonly Committed[]>("commitAndPublish", RATE, seconds);
  return {
    bareChain: differences(committed, await noting),
    bareCommits: committed.map(({ took }) => took / 1000),
  };
}

async function measureNats({ publisher, consumer }: Both, seconds: number): Promise<readonly number[]> {
  await publisher.ask("makeBareStream");
  const arriving = consumer.ask<readonly Stamp[]>("consumeBare", RATE * seconds);
  const published = await publisher.ask<readonly Stamp[]>("publishBarePaced", RATE, seconds);
  return differences(published, await arriving);
}

/** Milliseconds between the two stamps of each id; what was there before its first stamp took none. */
function differences(from: readonly Stamp[], to: readonly Stamp[]): readonly number[] {
  const starts = new Map(from.map(({ id, at }) => [id, at]));
  return to.flatMap(({ id, at }) => {
    const start = starts.get(id);
    return start === undefined ? [] : [Math.max(0, at - start) / 1000];
  });
}

function rateOf(stamps: readonly Stamp[]): number {
  const [first, last] = [stamps[0]?.at ?? 0, stamps.at(-1)?.at ?? 0];
  return ((stamps.length - 1) / (last - first)) * 1e6;
}

export function latencyFigures(rounds: readonly Latencies[]): readonly Figure[] {
  return [
    {
      what: `commits reached of ${RATE}/s asked for`,
      value: median(rounds.map(({ reached }) => reached)),
      unit: "commits/s",
      target: { atLeast: RATE * REACHED },
    },
    ...figuresAt(rounds, 0.5, { atMost: 2 }),
    ...figuresAt(rounds, 0.99, { atMost: 5 }),
  ];
}

function figuresAt(
  rounds: readonly Latencies[],
  share: number,
  target: { readonly atMost: number },
): readonly Figure[] {
  const at = (pick: (round: Latencies) => readonly number[]) =>
    median(rounds.map((round) => percentile(pick(round), share)));
  const [name, unit, ours] = [`p${share * 100}`, "ms", at((round) => round.ours)];
  return [
    {
      what: `commit to handler at ${RATE}/s, ${name}`,
      value: ours,
      unit,
      beside: { what: "bare JetStream", value: at(({ bareNats }) => bareNats) },
      target,
    },
    {
      what: `the same beside both barely, ${name}`,
      value: ours,
      unit,
      beside: { what: "bare PostgreSQL and JetStream", value: at(({ bareChain }) => bareChain) },
    },
    {
      what: `commit with its event, ${name}`,
      value: at(({ commits }) => commits),
      unit,
      beside: { what: "bare PostgreSQL, one row", value: at(({ bareCommits }) => bareCommits) },
    },
  ];
}
