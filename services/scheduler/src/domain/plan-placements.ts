import type { AttemptId, JobId } from "@gradients/kernel";

export interface QueuedAttempt {
  readonly attemptId: AttemptId;
  readonly jobId: JobId;
  readonly hardwareClass: string;
  /** True for a first placement in a race: it starts together with all others of its job. */
  readonly inGang: boolean;
  /** When the job was accepted: all work of an older job goes before that of a younger one. */
  readonly queuedSince: Date;
}

export interface ClassCapacity {
  readonly name: string;
  readonly slots: number;
  /** Slots that hold a pod now, whatever becomes of it. */
  readonly busy: number;
}

export interface PlacementPlan {
  readonly place: readonly AttemptId[];
  /** Can never be placed: the class is gone or has fewer slots than the race needs. */
  readonly impossible: readonly AttemptId[];
}

/** Which queued attempts start now, those of the oldest job first. Per hardware class nothing overtakes a race that waits for its slots. */
export function planPlacements(
  queue: readonly QueuedAttempt[],
  capacities: readonly ClassCapacity[],
): PlacementPlan {
  const place: AttemptId[] = [];
  const impossible: AttemptId[] = [];
  const free = new Map(capacities.map(({ name, slots, busy }) => [name, slots - busy]));
  const slots = new Map(capacities.map((capacity) => [capacity.name, capacity.slots]));
  const blocked = new Set<string>();
  for (const unit of unitsInOrder(queue)) {
    const left = free.get(unit.hardwareClass) ?? 0;
    if (unit.attempts.length > (slots.get(unit.hardwareClass) ?? 0)) impossible.push(...unit.attempts);
    else if (blocked.has(unit.hardwareClass)) continue;
    else if (unit.attempts.length > left) blocked.add(unit.hardwareClass);
    else {
      place.push(...unit.attempts);
      free.set(unit.hardwareClass, left - unit.attempts.length);
    }
  }
  return { place, impossible };
}

/** What starts together or not at all. */
interface Unit {
  readonly hardwareClass: string;
  readonly attempts: AttemptId[];
  readonly queuedSince: number;
}

function unitsInOrder(queue: readonly QueuedAttempt[]): Unit[] {
  const units = new Map<string, Unit>();
  for (const attempt of queue.toSorted((a, b) => compareText(a.attemptId, b.attemptId))) {
    const key = attempt.inGang ? `${attempt.jobId}/${attempt.hardwareClass}` : attempt.attemptId;
    const unit = units.get(key);
    if (unit) unit.attempts.push(attempt.attemptId);
    else units.set(key, newUnit(attempt));
  }
  return [...units.values()].toSorted((a, b) => a.queuedSince - b.queuedSince);
}

function newUnit({ hardwareClass, attemptId, queuedSince }: QueuedAttempt): Unit {
  return { hardwareClass, attempts: [attemptId], queuedSince: queuedSince.getTime() };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
