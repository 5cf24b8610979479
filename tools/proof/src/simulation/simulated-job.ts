import type { Rng } from "@gradients/kernel";
import {
  allowedSeconds,
  type Attempt as ProductAttempt,
} from "../../../../services/scheduler/src/domain/attempt.ts";
import { isFinal, isPlaced } from "../../../../services/scheduler/src/domain/attempt-machine.ts";
import { failureOf } from "../../../../services/scheduler/src/domain/failures.ts";
import { relayMoves } from "../model/bus-moves.ts";
import { brokenByJob, isAtEnd, otherMoves } from "../model/job-moves.ts";
import type { Move } from "../model/moves.ts";
import { moveAttempt, type Rules } from "../model/scheduler.ts";
import { isLive, isSilent } from "../model/scheduler-moves.ts";
import { canFail, failJob } from "../model/scorer.ts";
import { type Attempt, acceptedJob, type JobWorld } from "../model/world.ts";
import type { VirtualTime } from "./virtual-time.ts";

const BUDGET_SECONDS = 60;
const JOB_SECONDS = 30 * 60;
/** From its deadline a job has that long until everybody knows of its end, nothing runs and nothing is on its way. */
const END_SECONDS = 15 * 60;
/** How long an attempt may be found with a lease that is over: the control loop looks several times a second. */
const SWEEP_SECONDS = 30;
const LONGEST_SILENCE_SECONDS = 90;

/** One job with what time does to it. */
export class SimulatedJob {
  readonly name: string;
  readonly world: JobWorld;
  readonly #rules: Rules;
  readonly #time: VirtualTime;
  readonly #rng: Rng;
  readonly #deadline: Date;
  readonly #limit: Date;
  /** When each placement that has started must be over. */
  readonly #deadlines = new Map<string, Date>();
  /** For what must never go back. */
  readonly #seen = new Map<
    number,
    { readonly epoch: number; readonly isOver: boolean; readonly state: string }
  >();
  #moves: readonly Move[] | undefined;
  #alarm: number | undefined;

  constructor(name: string, rules: Rules, time: VirtualTime, rng: Rng) {
    this.#rng = rng;
    this.name = name;
    this.#rules = rules;
    this.#time = time;
    this.world = acceptedJob(rules.size);
    this.#deadline = time.later(JOB_SECONDS);
    this.#limit = time.later(JOB_SECONDS + END_SECONDS);
  }

  /** What may happen now; the same until something has happened to it. */
  get moves(): readonly Move[] {
    return (this.#moves ??= [
      ...relayMoves(this.#rules, this.world),
      ...otherMoves(this.#rules, this.world),
      ...this.#silences(),
    ]);
  }

  get isAtEnd(): boolean {
    return isAtEnd(this.world);
  }

  apply(move: Move): void {
    this.#forget();
    move.apply(this.world);
    for (const [index, attempt] of this.#attempts()) this.#noteDeadline(index, attempt);
  }

  /** What the clock brings about at this moment, by name; nothing when nothing is due. */
  ring(): readonly string[] {
    if (this.nextAlarm() > this.#time.now.getTime()) return [];
    this.#forget();
    const happened: string[] = [];
    for (const [index, attempt] of this.#attempts()) {
      this.#time.look(attempt);
      if (!this.#isOverdue(index, attempt)) continue;
      const failure = failureOf("DEADLINE_EXCEEDED");
      moveAttempt(this.#rules, this.world, index, { type: "fail", failure });
      happened.push(`attempt ${index}/${attempt.epoch}'s deadline comes`);
    }
    if (this.#deadline > this.#time.now || !canFail(this.world)) return happened;
    failJob(this.world);
    return [...happened, "the job's deadline comes"];
  }

  /** The next moment at which the clock changes what may happen. */
  nextAlarm(): number {
    return (this.#alarm ??= this.#findAlarm());
  }

  #findAlarm(): number {
    const moments = [this.#limit, ...(canFail(this.world) ? [this.#deadline] : [])];
    for (const [index, attempt] of this.#attempts()) {
      const { leaseExpiresAt, notBefore } = this.#time.coreOf(attempt);
      const deadline = this.#deadlines.get(`${index}/${attempt.epoch}`);
      if (isPlaced(attempt.state) && leaseExpiresAt)
        moments.push(leaseExpiresAt, new Date(leaseExpiresAt.getTime() + SWEEP_SECONDS * 1000 + 1));
      if (isPlaced(attempt.state) && deadline) moments.push(deadline);
      if (attempt.state === "queued") moments.push(notBefore);
      for (const { silentUntil } of attempt.pods) if (silentUntil) moments.push(silentUntil);
    }
    const now = this.#time.now.getTime();
    return Math.min(...moments.map((moment) => moment.getTime()).filter((moment) => moment > now));
  }

  /** Name of a property that is broken. */
  brokenBy(): string | undefined {
    const now = this.#time.now.getTime();
    if (now >= this.#limit.getTime() && !this.isAtEnd)
      return "termination: a job is still going on long after its deadline";
    for (const [index, attempt] of this.#attempts()) {
      const property = this.#brokenByAttempt(index, attempt, now);
      if (property) return property;
    }
    return brokenByJob(this.world);
  }

  #brokenByAttempt(index: number, attempt: Attempt, now: number): string | undefined {
    const { state, epoch, losses, leaseExpiresAt, finishedAt, failure } = this.#time.coreOf(attempt);
    const before = this.#seen.get(index);
    this.#seen.set(index, { epoch, state, isOver: isFinal(state) });
    if (before && before.epoch > epoch) return "fencing: an epoch has gone back";
    if (before?.isOver && before.state !== state)
      return "double effect: an attempt that was over has changed";
    if (losses > this.#rules.timing.rules.maxRetries || losses > epoch)
      return "retries: more losses than there may be";
    if ((leaseExpiresAt !== null) !== isPlaced(state))
      return "lease: held by an attempt without a pod, or missing with one";
    if ((finishedAt !== null) !== isFinal(state) || (failure !== null) !== (state === "failed"))
      return "legality: an end without its time or reason";
    const isLate = leaseExpiresAt !== null && now > leaseExpiresAt.getTime() + SWEEP_SECONDS * 1000;
    return isLate ? "termination: an attempt outlives its lease" : undefined;
  }

  #forget(): void {
    this.#moves = undefined;
    this.#alarm = undefined;
  }

  /** A pod that is paused, or whose network is gone for a while: alive, and not to be heard. */
  #silences(): readonly Move[] {
    return this.#attempts().flatMap(([index, { pods }]) =>
      pods
        .filter((pod) => isLive(pod) && !isSilent(this.#rules, pod))
        .map((pod) => ({
          label: `pod ${index}/${pod.epoch} is silent for a while`,
          pace: "life" as const,
          costs: "crashes" as const,
          apply: () => {
            pod.silentUntil = this.#time.later(1 + this.#rng.int(LONGEST_SILENCE_SECONDS));
          },
        })),
    );
  }

  #isOverdue(index: number, { state, epoch }: Attempt): boolean {
    const deadline = this.#deadlines.get(`${index}/${epoch}`);
    return isPlaced(state) && deadline !== undefined && deadline <= this.#time.now;
  }

  #noteDeadline(index: number, attempt: Attempt): void {
    const key = `${index}/${attempt.epoch}`;
    if (attempt.state !== "running" || this.#deadlines.has(key)) return;
    const kind = index < this.#rules.size.attempts ? "train" : "evaluate";
    const product = { work: { kind }, core: this.#time.coreOf(attempt) } as ProductAttempt; // all that it looks at
    this.#deadlines.set(key, this.#time.later(allowedSeconds(product, BUDGET_SECONDS, this.#time.rules)));
  }

  #attempts(): readonly (readonly [number, Attempt])[] {
    return this.world.attempts.flatMap((attempt, index) => (attempt ? [[index, attempt] as const] : []));
  }
}
