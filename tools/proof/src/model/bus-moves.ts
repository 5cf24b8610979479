import { Broken } from "./broken.ts";
import { gatewayTakes } from "./gateway.ts";
import { type Consumer, consumers, type Message, type Publisher, publishers, routes } from "./messages.ts";
import type { Move, Moves } from "./moves.ts";
import { nameOf } from "./say.ts";
import { type Rules, schedulerTakes } from "./scheduler.ts";
import { scorerTakes } from "./scorer.ts";
import { type JobWorld } from "./world.ts";

/** From an outbox into the stream. That a relay may be slow is in the queues: nothing else can tell a late publish from a late delivery. */
export const relayMoves: Moves = ({ planted }, job) =>
  publishers.flatMap((publisher): Move[] => {
    const message = job.outbox[publisher][0];
    if (!message) return [];
    const name = `${publisher} publishes ${nameOf(message)}`;
    const publish: Move = { label: name, pace: "bus", apply: (target) => relay(target, publisher) };
    if (planted !== "no outbox") return [publish];
    const lose: Move = {
      label: `${publisher} dies before it publishes ${nameOf(message)}`,
      pace: "bus",
      costs: "crashes",
      apply: (target) => void target.outbox[publisher].shift(),
    };
    return [publish, lose];
  });

function relay(job: JobWorld, publisher: Publisher): void {
  const message = job.outbox[publisher].shift();
  if (message) for (const consumer of routes[message.type]) job.queue[consumer].push({ ...message });
}

/** What a consumer may be given next: the first of its queue, or anything that comes late. */
export const deliveryMoves: Moves = (rules, job) =>
  consumers.flatMap((consumer) => [...headMoves(rules, job, consumer), ...lateMoves(rules, job, consumer)]);

/** The same, of consumers that are not kept waiting; undefined when none of them has anything. */
export function promptMoves(rules: Rules, job: JobWorld): readonly Move[] | undefined {
  const consumer = rules.size.prompt.find((one) => job.queue[one].length > 0);
  return consumer && headMoves(rules, job, consumer);
}

function headMoves(rules: Rules, job: JobWorld, consumer: Consumer): Move[] {
  const message = job.queue[consumer][0];
  if (!message) return [];
  const delay: Move = {
    label: `${nameOf(message)} is late for the ${consumer}`,
    pace: "bus",
    costs: "delays",
    apply: (target) => {
      const { queue, late } = target;
      late[consumer].push(...queue[consumer].splice(0, 1));
    },
  };
  const moves = takeMoves(rules, consumer, message, "bus", (target) => target.queue[consumer].shift());
  return [...moves, delay];
}

function lateMoves(rules: Rules, job: JobWorld, consumer: Consumer): Move[] {
  return job.late[consumer].flatMap((message, place) =>
    takeMoves(rules, consumer, message, "late", (target) => target.late[consumer].splice(place, 1)[0]),
  );
}

/** One delivery in its variants: as it should be, with a crash between commit and ack, and coming again after the ack. */
function takeMoves(
  rules: Rules,
  consumer: Consumer,
  message: Message,
  pace: "bus" | "late",
  remove: (job: JobWorld) => Message | undefined,
): Move[] {
  const name = `${consumer} takes ${nameOf(message)}${message.handled ? ", again" : ""}`;
  const variant = (label: string, costs: "crashes" | "duplicates", apply: (job: JobWorld) => void): Move => ({
    label,
    pace,
    costs,
    apply,
  });
  const keepCopy = (job: JobWorld) => {
    remove(job);
    take(rules, job, consumer, message);
    job.late[consumer].push({ ...message, handled: true });
  };
  const moves: Move[] = [
    {
      label: name,
      pace,
      apply: (target: JobWorld) => takeOrPutOff(rules, target, consumer, message, remove),
    },
    variant(`${name}, dies before the ack`, "crashes", keepCopy),
    variant(`${name}, and it comes again`, "duplicates", keepCopy),
  ];
  if (rules.planted === "ack before commit")
    moves.push(variant(`${name}, acks it and dies before the commit`, "crashes", (job) => void remove(job)));
  if (rules.planted === "publish before commit")
    moves.push(
      variant(`${name}, publishes and dies before the commit`, "crashes", (job) =>
        publishOnly(rules, job, consumer, message),
      ),
    );
  return moves;
}

/** What cannot be handled yet comes again later, and no longer holds up the others. */
function takeOrPutOff(
  rules: Rules,
  job: JobWorld,
  consumer: Consumer,
  message: Message,
  remove: (job: JobWorld) => Message | undefined,
): void {
  remove(job);
  if (take(rules, job, consumer, message) === "again") job.late[consumer].push(message);
}

/** Inbox and effect in one transaction. */
function take(
  rules: Rules,
  job: JobWorld,
  consumer: Consumer,
  message: Message,
): "changed" | "nothing" | "again" {
  if (message.handled && rules.planted !== "no inbox") return "nothing";
  const outcome = handle(rules, job, consumer, message);
  if (message.handled && outcome === "changed")
    throw new Broken(`double effect: ${consumer} handled ${nameOf(message)} twice`);
  return outcome;
}

function handle(rules: Rules, job: JobWorld, consumer: Consumer, message: Message) {
  switch (consumer) {
    case "scheduler":
      return schedulerTakes(rules, job, message);
    case "scorer":
      return scorerTakes(rules, job, message);
    case "gateway":
      return gatewayTakes(job, message);
    case "chain":
      job.paid++;
      return "changed";
  }
}

function publishOnly(rules: Rules, job: JobWorld, consumer: Consumer, message: Message): void {
  const draft = structuredClone(job);
  take(rules, draft, consumer, message);
  Object.assign(job, { outbox: draft.outbox, said: draft.said });
}
