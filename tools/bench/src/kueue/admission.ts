import type { AttemptId, JobId } from "@gradients/kernel";
import { Backpressure } from "@gradients/scheduler/app/backpressure";
import type { AdmissionRules } from "@gradients/scheduler/domain/admission-rules";
import {
  type ClassCapacity,
  planPlacements,
  type QueuedAttempt,
} from "@gradients/scheduler/domain/plan-placements";
import type { SlimJob } from "@gradients/scheduler/fleet/kubernetes/slim-objects";
import { placementOf } from "@gradients/scheduler/fleet/pod-name";

/** Of one class, let go and not told by the watch yet, before its others have a turn: so what comes later and goes first need not wait long. */
const MOST_PENDING = 16;

/** Stands for the scheduler's tables: which Jobs wait and which hold slots, by what the watch tells. The plan is the product's. */
export class Admission {
  readonly #rules: AdmissionRules;
  readonly #lines = new Map<string, Line>();
  readonly #slots: ReadonlyMap<string, number>;
  readonly #backpressure = new Backpressure(MOST_PENDING);

  constructor(rules: AdmissionRules) {
    this.#rules = rules;
    this.#slots = new Map(
      Object.values(rules.pools).flatMap(({ units, classes }) =>
        Object.entries(classes).map(([name, cost]) => [name, Math.floor(units / cost)] as const),
      ),
    );
  }

  note({ name, hardwareClass, isSuspended, end }: SlimJob): void {
    const { attemptId } = placementOf(name);
    const line = this.#lineOf(attemptId, hardwareClass);
    if (!isSuspended) line.pending.delete(attemptId);
    if (end !== null) line.placed.delete(attemptId);
    else if (isSuspended && !line.placed.has(attemptId) && !line.waiting.has(attemptId))
      line.waiting.set(attemptId, {
        attemptId: attemptId as AttemptId,
        jobId: attemptId as JobId,
        accountId: line.accountId,
        hardwareClass,
        inGang: false,
        queuedSince: new Date(),
      });
  }

  /** Which Jobs begin now. */
  pass(): readonly string[] {
    const capacities = this.#capacities();
    const open = new Set(capacities.filter(({ isPaused }) => !isPaused).map(({ name }) => name));
    const queue = [...this.#lines.values()].flatMap(({ hardwareClass, waiting }) =>
      open.has(hardwareClass) ? firstOf(waiting.values(), this.#slots.get(hardwareClass) ?? 0) : [],
    );
    if (queue.length === 0) return [];
    const { place, impossible } = planPlacements(queue, capacities, this.#rules, new Date());
    if (impossible.length > 0) throw new Error(`${impossible[0]?.attemptId} can never begin`);
    const found = new Map(queue.map((attempt) => [attempt.attemptId, attempt]));
    for (const attemptId of place) this.#place(found.get(attemptId));
    return place;
  }

  #place(attempt: QueuedAttempt | undefined): void {
    const line = attempt && this.#lines.get(attempt.accountId);
    if (!line) return;
    line.waiting.delete(attempt.attemptId);
    line.placed.add(attempt.attemptId);
    line.pending.add(attempt.attemptId);
  }

  #lineOf(attemptId: string, hardwareClass: string): Line {
    const accountId = attemptId.slice(0, attemptId.lastIndexOf("-"));
    const known = this.#lines.get(accountId);
    if (known) return known;
    const line = {
      accountId,
      hardwareClass,
      waiting: new Map(),
      placed: new Set<string>(),
      pending: new Set<string>(),
    };
    this.#lines.set(accountId, line);
    return line;
  }

  #capacities(): readonly ClassCapacity[] {
    const byClass = Map.groupBy(this.#lines.values(), ({ hardwareClass }) => hardwareClass);
    return [...this.#slots].map(([name, slots]) => {
      const lines = byClass.get(name) ?? [];
      const busyOf = new Map(lines.map(({ accountId, placed }) => [accountId, placed.size]));
      const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);
      const pending = sum(lines.map((line) => line.pending.size));
      return {
        name,
        slots,
        busy: sum([...busyOf.values()]),
        busyOf,
        isPaused: this.#backpressure.isPaused(name, pending),
      };
    });
  }
}

function firstOf<T>(items: Iterable<T>, count: number): readonly T[] {
  const found: T[] = [];
  for (const item of items) {
    if (found.length === count) break;
    found.push(item);
  }
  return found;
}

/** One account's Jobs; they are of one class. */
interface Line {
  readonly accountId: string;
  readonly hardwareClass: string;
  /** Oldest first. */
  readonly waiting: Map<string, QueuedAttempt>;
  /** Begun and not ended. */
  readonly placed: Set<string>;
  /** Of these, the ones that the watch has not shown begun. */
  readonly pending: Set<string>;
}
