import { createHash } from "node:crypto";
import { Rng } from "@gradients/kernel";
import { Broken } from "../model/broken.ts";
import type { Move } from "../model/moves.ts";
import type { Rules } from "../model/scheduler.ts";
import { busySlots, planOf, queueOf } from "../model/scheduler-moves.ts";
import { type PlantedFault, sizeOf } from "../model/size.ts";
import { rateOf } from "./paces.ts";
import { type ChainFault, SimulatedChain } from "./simulated-chain.ts";
import { SimulatedJob } from "./simulated-job.ts";
import { awardRandomRace } from "./simulated-verdict.ts";
import { VirtualTime } from "./virtual-time.ts";

export interface SimulationOptions {
  readonly seed: string;
  readonly hours: number;
  readonly planted?: SimulatedFault | undefined;
}

export type SimulatedFault = PlantedFault | ChainFault;

export interface SimulationResult {
  readonly hours: number;
  readonly steps: number;
  /** Faults, whims and failures among them. */
  readonly faults: number;
  readonly jobs: Readonly<Record<"accepted" | "succeeded" | "failed" | "cancelled", number>>;
  readonly weights: Readonly<Record<"submissions" | "finalized", number>>;
  /** SHA-256 over every step with its time: equal seeds, equal traces. */
  readonly trace: string;
  readonly violation: SimulatedViolation | undefined;
}

interface SimulatedViolation {
  readonly property: string;
  readonly job: string;
  /** In simulated seconds from the start. */
  readonly seconds: number;
  /** The last steps of that job. */
  readonly steps: readonly string[];
}

const MOST_JOBS = 8;
const SECONDS_BETWEEN_JOBS = 60;
const SIZE = sizeOf("simulation", { workers: 4, attempts: 2 }, {});
const STEPS_TOLD = 40;

/**
 * A random world around the product's pure core: jobs come, pods live and die, events are late, lost in a crash or come again, and a virtual clock jumps from
 * one happening to the next. What may happen is the explored model's; when, is drawn from the seed. Ends with the first broken property.
 */
export function simulate(options: SimulationOptions): SimulationResult {
  return new Simulation(options).run();
}

class Simulation {
  readonly #rng: Rng;
  readonly #time = new VirtualTime();
  readonly #rules: Rules;
  readonly #endMs: number;
  readonly #seed: string;
  readonly #chain: SimulatedChain;
  readonly #trace = createHash("sha256");
  readonly #told = new Map<string, string[]>();
  readonly #counts = { accepted: 0, succeeded: 0, failed: 0, cancelled: 0 };
  #jobs: SimulatedJob[] = [];
  #nextJobMs = 0;
  #steps = 0;
  #faults = 0;
  #violation: SimulatedViolation | undefined;

  constructor({ seed, hours, planted }: SimulationOptions) {
    this.#rng = new Rng(`gradients.simulation/v1:${seed}`);
    const isOfChain = planted === "success at submission" || planted === "failure at any refusal";
    this.#rules = { size: SIZE, planted: isOfChain ? undefined : planted, timing: this.#time };
    this.#chain = new SimulatedChain(
      new Rng(`gradients.simulated-chain/v1:${seed}`),
      isOfChain ? planted : undefined,
    );
    this.#seed = seed;
    this.#endMs = hours * 3_600_000;
  }

  run(): SimulationResult {
    while (!this.#violation && this.#now < this.#endMs) this.#advance();
    return {
      hours: this.#now / 3_600_000,
      steps: this.#steps,
      faults: this.#faults,
      jobs: this.#counts,
      weights: this.#chain.counts,
      trace: this.#trace.digest("hex"),
      violation: this.#violation,
    };
  }

  get #now(): number {
    return this.#time.now.getTime();
  }

  /** Until the next happening, or the next alarm, which may change what can happen: times between happenings have no memory, so drawing anew is right. */
  #advance(): void {
    const choices = this.#choices();
    const total = choices.reduce((sum, { rate }) => sum + rate, 0);
    const happensAt =
      this.#now + (total > 0 ? (-Math.log(1 - this.#rng.float()) / total) * 1000 : Number.POSITIVE_INFINITY);
    const alarmAt = Math.min(
      this.#endMs,
      this.#nextJobMs,
      this.#chain.nextBlockMs,
      ...this.#jobs.map((job) => job.nextAlarm()),
    );
    this.#time.now = new Date(Math.floor(Math.min(happensAt, alarmAt))); // alarms are whole milliseconds: none is passed over
    if (happensAt < alarmAt) this.#take(choices, total);
    else this.#ring();
  }

  #choices(): readonly Choice[] {
    const queues = this.#jobs.map(({ world }) => queueOf(this.#rules, world));
    const busy = this.#busy();
    const plan = queues.some(({ length }) => length > 0) ? planOf(this.#rules, queues, busy) : [];
    return this.#jobs.flatMap((job, at) =>
      job.moves
        .filter(({ places }) => !places || places.join() === plan[at]?.join())
        .map((move) => ({ job, move, rate: rateOf(move) })),
    );
  }

  #take(choices: readonly Choice[], total: number): void {
    let left = this.#rng.float() * total;
    const chosen = choices.find(({ rate }) => (left -= rate) < 0) ?? choices.at(-1);
    if (!chosen) return;
    if (chosen.move.costs) this.#faults++;
    this.#happen(chosen.job, chosen.move.label, () => chosen.job.apply(chosen.move));
  }

  /** The clock's own doing: jobs come, leases and deadlines are over, what has ended is put away. */
  #ring(): void {
    for (const job of this.#jobs)
      this.#check(job, () => {
        for (const label of job.ring()) this.#note(job.name, label);
      });
    if (this.#now >= this.#chain.nextBlockMs)
      this.#attempt("chain", () => this.#note("chain", this.#chain.produceBlock()));
    if (this.#now < this.#nextJobMs) return;
    this.#nextJobMs = this.#now + Math.ceil(-Math.log(1 - this.#rng.float()) * SECONDS_BETWEEN_JOBS * 1000);
    this.#putAway();
    if (this.#jobs.length < MOST_JOBS) this.#accept();
  }

  #accept(): void {
    const job = new SimulatedJob(`job ${++this.#counts.accepted}`, this.#rules, this.#time, this.#rng);
    this.#jobs.push(job);
    this.#note(job.name, "is accepted");
  }

  #putAway(): void {
    for (const { name, world } of this.#jobs.filter(({ isAtEnd }) => isAtEnd)) {
      const { state } = world.gateway;
      if (state === "succeeded" || state === "failed" || state === "cancelled") this.#counts[state]++;
      this.#told.delete(name);
    }
    this.#jobs = this.#jobs.filter(({ isAtEnd }) => !isAtEnd);
  }

  #happen(job: SimulatedJob, label: string, act: () => void): void {
    this.#steps++;
    this.#note(job.name, label);
    const { paid } = job.world;
    this.#check(job, act);
    if (job.world.paid > paid) this.#attempt(job.name, () => this.#pay(job.name));
  }

  /** Some races are told apart with ease, some are not. */
  #pay(name: string): void {
    const gap = [0, 0.01, 0.1][this.#rng.int(3)] ?? 0;
    this.#chain.credit(awardRandomRace(`${this.#seed} ${name}`, 2 + this.#rng.int(3), gap));
  }

  #check(job: SimulatedJob, act: () => void): void {
    this.#attempt(job.name, () => {
      act();
      const property = job.brokenBy();
      if (property) throw new Broken(property);
      if (this.#busy() > SIZE.workers) throw new Broken("slots: more pods than workers");
    });
  }

  #attempt(name: string, act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      const steps = this.#told.get(name) ?? [];
      this.#violation ??= { property: error.message, job: name, seconds: this.#now / 1000, steps };
    }
  }

  #note(name: string, label: string): void {
    const line = `${(this.#now / 1000).toFixed(3)} ${name}: ${label}`;
    this.#trace.update(`${line}\n`);
    if (label.endsWith("heartbeats")) return;
    this.#told.set(name, [...(this.#told.get(name) ?? []), line].slice(-STEPS_TOLD));
  }

  #busy(): number {
    return this.#jobs.reduce((sum, { world }) => sum + busySlots(world), 0);
  }
}

interface Choice {
  readonly job: SimulatedJob;
  readonly move: Move;
  readonly rate: number;
}
