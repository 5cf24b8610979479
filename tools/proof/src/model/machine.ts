import { type Exploration, explore, type Machine, type Step } from "./explore.ts";
import { brokenByJob, isAtEnd, otherMoves, urgentMoves } from "./job-moves.ts";
import { JobSpace, type JobStep } from "./job-space.ts";
import type { Rules } from "./scheduler.ts";
import { busySlots, planOf, queueOf, type Waiting } from "./scheduler-moves.ts";
import type { Budget, PlantedFault, Size } from "./size.ts";
import { timeless } from "./timing.ts";
import { acceptedJob, type JobWorld } from "./world.ts";

/** Explores the job's way through gateway, scheduler and scorer, of a given size; with a planted fault it must find a violation. */
export function exploreJobs(size: Size, planted?: PlantedFault, maxStates?: number): Exploration {
  return explore(new JobsMachine({ size, planted, timing: timeless(size) }), maxStates);
}

/** What the world needs to know of a job to tell what may happen next to it. */
interface Sight {
  readonly isUrgent: boolean;
  readonly queue: readonly Waiting[];
  readonly busy: number;
  readonly isAtEnd: boolean;
  readonly brokenBy: string | undefined;
}

/** For two jobs: their states' numbers and the budget are one number of 53 bits. */
const JOB_STATES = 2 ** 24;

/**
 * The world as one number: the states of its jobs, the oldest first, and the faults that may still happen. Jobs are no mirror images of each other, as the
 * older one is placed first, so a world and the same with its jobs exchanged are two.
 */
class JobsMachine implements Machine {
  readonly initial: number;
  readonly #rules: Rules;
  readonly #space: JobSpace<Sight>;
  readonly #budgets: Budgets;
  readonly #plans = new Map<number, readonly (readonly number[])[]>();

  constructor(rules: Rules) {
    this.#rules = rules;
    this.#budgets = new Budgets(rules.size.budget);
    this.#space = new JobSpace((job) => this.#learn(job));
    const { jobs } = rules.size;
    if (jobs > 2) throw new Error("the numbers of more than two jobs do not fit into one");
    const start = this.#space.idOf(acceptedJob(rules.size));
    this.initial = this.#keyOf(
      Array.from({ length: jobs }, () => start),
      this.#budgets.whole,
    );
  }

  steps(state: number): readonly Step[] {
    const { jobs, left } = this.#read(state);
    const urgent = jobs.findIndex((job) => this.#space.extraOf(job).isUrgent);
    const plan = urgent < 0 ? this.#planOf(jobs) : [];
    const steps: Step[] = [];
    for (const [at, job] of jobs.entries()) {
      if (urgent >= 0 && at !== urgent) continue;
      for (let place = 0; place < this.#space.stepCount(job); place++) {
        const step = this.#space.step(job, place);
        const rest = step.costs ? this.#budgets.spend(left, step.costs) : left;
        if (rest === undefined || !isPlanned(step, plan[at])) continue;
        const next = this.#keyOf(jobs.with(at, this.#space.next(job, place)), rest);
        steps.push({ label: step.label, isProgress: !step.costs, next, breaks: step.breaks });
      }
    }
    return steps;
  }

  brokenBy(state: number): string | undefined {
    const seen = this.#read(state).jobs.map((job) => this.#space.extraOf(job));
    const busy = seen.reduce((sum, job) => sum + job.busy, 0);
    if (busy > this.#rules.size.workers) return "slots: more pods than workers";
    return seen.map(({ brokenBy }) => brokenBy).find((property) => property !== undefined);
  }

  isEnd(state: number): boolean {
    return this.#read(state).jobs.every((job) => this.#space.extraOf(job).isAtEnd);
  }

  #learn(job: JobWorld) {
    const urgent = urgentMoves(this.#rules, job);
    const extra: Sight = {
      isUrgent: urgent !== undefined,
      queue: queueOf(this.#rules, job),
      busy: busySlots(job),
      isAtEnd: isAtEnd(job),
      brokenBy: brokenByJob(job),
    };
    return { moves: urgent ?? otherMoves(this.#rules, job), extra };
  }

  #planOf(jobs: readonly number[]): readonly (readonly number[])[] {
    const key = jobs.reduce((sum, job) => sum * JOB_STATES + this.#space.extraIdOf(job), 0);
    const known = this.#plans.get(key);
    if (known) return known;
    const seen = jobs.map((job) => this.#space.extraOf(job));
    const busy = seen.reduce((sum, job) => sum + job.busy, 0);
    const plan = planOf(
      this.#rules,
      seen.map(({ queue }) => queue),
      busy,
    );
    this.#plans.set(key, plan);
    return plan;
  }

  #keyOf(jobs: readonly number[], left: number): number {
    let key = 0;
    for (const job of jobs) {
      if (job >= JOB_STATES) throw new Error("a job has more states than there are numbers for");
      key = key * JOB_STATES + job;
    }
    return key * this.#budgets.count + left;
  }

  #read(state: number): { readonly jobs: readonly number[]; readonly left: number } {
    const left = state % this.#budgets.count;
    const rest = (state - left) / this.#budgets.count;
    if (this.#rules.size.jobs === 1) return { jobs: [rest], left };
    return { jobs: [Math.floor(rest / JOB_STATES), rest % JOB_STATES], left };
  }
}

function isPlanned({ places }: JobStep, planned: readonly number[] = []): boolean {
  return !places || (places.length === planned.length && places.every((index) => planned.includes(index)));
}

/** What is left of a budget as a number, in mixed radix. */
class Budgets {
  readonly count: number;
  readonly whole: number;
  readonly #weights = new Map<keyof Budget, { readonly weight: number; readonly radix: number }>();

  constructor(budget: Budget) {
    let weight = 1;
    for (const [what, most] of Object.entries(budget) as [keyof Budget, number][]) {
      this.#weights.set(what, { weight, radix: most + 1 });
      weight *= most + 1;
    }
    this.count = weight;
    this.whole = weight - 1;
    if (this.count > 32) throw new Error("the budget does not fit into five bits");
  }

  /** Undefined when nothing of it is left. */
  spend(left: number, what: keyof Budget): number | undefined {
    const { weight, radix } = this.#weights.get(what) ?? { weight: 0, radix: 1 };
    return Math.floor(left / weight) % radix > 0 ? left - weight : undefined;
  }
}
