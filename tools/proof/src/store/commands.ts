import fc from "fast-check";
import { expect } from "vitest";
import type { Call, EventType, Expected } from "./expected.ts";
import type { RealStore } from "./real-store.ts";

/** One command to both; afterwards both hold the same. */
class Step implements fc.AsyncCommand<Expected, RealStore> {
  readonly #text: string;
  readonly #toModel: ToModel;
  readonly #toReal: ToReal;

  constructor(text: string, toModel: ToModel, toReal: ToReal) {
    this.#text = text;
    this.#toModel = toModel;
    this.#toReal = toReal;
  }

  check(): boolean {
    return true;
  }

  async run(model: Expected, real: RealStore): Promise<void> {
    await this.#toReal(real, model);
    this.#toModel(model);
    model.now += 1;
    await real.setTime(model.now);
    expect(await real.read()).toEqual(contentOf(model));
  }

  toString(): string {
    return this.#text;
  }
}

type ToModel = (model: Expected) => void;
type ToReal = (real: RealStore, model: Expected) => Promise<void>;

function contentOf({ jobs, attempts, said }: Expected) {
  return {
    jobs: Object.fromEntries([...jobs].map(([job, { state }]) => [job, state])),
    attempts: Object.fromEntries([...attempts].map(([name, { job: _job, ...fields }]) => [name, fields])),
    said,
  };
}

const jobs = fc.integer({ min: 0, max: 1 });
const events = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom<EventType>("accepted", "split") },
  { weight: 1, arbitrary: fc.constantFrom<EventType>("cancelled", "scored") },
);
const calls = fc.constantFrom<Call>(
  "assign",
  "assign",
  "assign",
  "heartbeat",
  "heartbeat",
  "succeed",
  "fail",
  "interrupt",
  "lose",
);

const deliver = fc.tuple(jobs, events).map(
  ([job, type]) =>
    new Step(
      `deliver ${type} of job ${job}`,
      (model) => model.deliver(job, type),
      (real) => real.deliver(job, type),
    ),
);
const place = fc.constant(
  new Step(
    "place",
    (model) => model.place(),
    (real) => real.place(),
  ),
);
const sweep = fc.constant(
  new Step(
    "sweep",
    (model) => model.sweep(),
    (real) => real.sweep(),
  ),
);
const wait = fc.constantFrom(1, 3, 9, 11, 61, 90).map(
  (seconds) =>
    new Step(
      `wait ${seconds} s`,
      (model) => {
        model.now += seconds * 1_000;
      },
      async () => {},
    ),
);
/** By the placement of now, or by an earlier one. */
const call = fc.tuple(jobs, jobs, calls, fc.constantFrom(0, 0, 0, 1)).map(([job, at, what, age]) => {
  const name = `${job}/${at}`;
  const epochOf = (model: Expected) => Math.max(0, (model.attempts.get(name)?.epoch ?? 0) - age);
  return new Step(
    `${what} of attempt ${name}${age ? " by an earlier placement" : ""}`,
    (model) => model.call(name, epochOf(model), what),
    (real, model) => real.call(name, epochOf(model), what),
  );
});
/** Of the placement of now or of an earlier one, and of that again. */
const evict = fc.tuple(jobs, jobs, fc.constantFrom(0, 1, 1, 2)).map(([job, at, age]) => {
  const name = `${job}/${at}`;
  const epochOf = (model: Expected) => Math.max(0, (model.attempts.get(name)?.epoch ?? 0) - age);
  return new Step(
    `pod ${age} before the last of attempt ${name} turns out to be evicted`,
    (model) => model.evict(name, epochOf(model)),
    (real, model) => real.evict(name, epochOf(model)),
  );
});

/** Random commands, mostly such as move a race on. */
export const commands = fc.commands([deliver, place, place, call, call, call, call, sweep, wait, evict], {
  maxCommands: 40,
  size: "max",
});

/** A race in the queue: most histories that begin with nothing do not get far. */
export async function openRace(model: Expected, real: RealStore): Promise<void> {
  for (const type of ["accepted", "split"] as const) {
    await real.deliver(0, type);
    model.deliver(0, type);
  }
}
