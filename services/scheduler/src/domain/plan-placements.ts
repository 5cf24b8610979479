import type { AttemptId, JobId } from "@gradients/kernel";
import { type AccountRules, type AdmissionRules, rulesOf } from "./admission-rules.ts";

export interface QueuedAttempt {
  readonly attemptId: AttemptId;
  readonly jobId: JobId;
  readonly accountId: string;
  readonly hardwareClass: string;
  /** True for a first placement in a race: it starts together with all others of its job. */
  readonly inGang: boolean;
  /** When the job was accepted: of one account's work, an older job's goes before a younger one's. */
  readonly queuedSince: Date;
}

export interface ClassCapacity {
  readonly name: string;
  readonly slots: number;
  /** Slots that hold a pod now, whatever becomes of it. */
  readonly busy: number;
  /** Of these, by account. */
  readonly busyOf: ReadonlyMap<string, number>;
  /** True while the pods that were placed before have yet to run. */
  readonly isPaused: boolean;
}

export interface PlacementPlan {
  readonly place: readonly AttemptId[];
  readonly impossible: readonly ImpossiblePlacement[];
}

/** Can never be placed: the class is gone, or it or the account's quota has fewer slots than the race needs. */
export interface ImpossiblePlacement {
  readonly attemptId: AttemptId;
  readonly needs: number;
  readonly limit: number;
}

/**
 * Which queued attempts start now. In each hardware class by priority, then whoever holds the least for its weight, then by age. Nothing overtakes a race
 * that waits for its slots, so a large one never starves; a race that waits for its account's quota holds up only that account.
 */
export function planPlacements(
  queue: readonly QueuedAttempt[],
  capacities: readonly ClassCapacity[],
  rules: AdmissionRules,
  now: Date,
): PlacementPlan {
  const known = new Map(capacities.map((capacity) => [capacity.name, capacity]));
  const impossible: ImpossiblePlacement[] = [];
  const place: AttemptId[] = [];
  for (const [name, units] of Map.groupBy(unitsOf(queue), ({ hardwareClass }) => hardwareClass)) {
    const capacity = known.get(name);
    const possible = units.filter((unit) => {
      const limit = limitOf(capacity, rulesOf(rules, unit.accountId));
      if (unit.attempts.length <= limit) return true;
      impossible.push(
        ...unit.attempts.map((attemptId) => ({ attemptId, needs: unit.attempts.length, limit })),
      );
      return false;
    });
    if (capacity && !capacity.isPaused) place.push(...planClass(possible, capacity, rules, now));
  }
  return { place, impossible };
}

function limitOf(capacity: ClassCapacity | undefined, { maxSlots }: AccountRules): number {
  return Math.min(capacity?.slots ?? 0, maxSlots ?? Number.POSITIVE_INFINITY);
}

function planClass(
  units: readonly Unit[],
  capacity: ClassCapacity,
  rules: AdmissionRules,
  now: Date,
): readonly AttemptId[] {
  const patientUntil = now.getTime() - rules.patienceSeconds * 1000;
  const accounts = [...Map.groupBy(units, ({ accountId }) => accountId)].map(([accountId, own]) =>
    newAccount(own, rulesOf(rules, accountId), capacity.busyOf.get(accountId) ?? 0),
  );
  const place: AttemptId[] = [];
  let free = capacity.slots - capacity.busy;
  for (;;) {
    const next = firstInLine(accounts, patientUntil);
    if (!next || next.head.attempts.length > free) return place;
    place.push(...next.head.attempts);
    free -= next.head.attempts.length;
    next.account.held += next.head.attempts.length;
    next.account.place++;
  }
}

/** One account's work in one class, oldest first. */
interface Account {
  readonly units: readonly Unit[];
  readonly rules: AccountRules;
  held: number;
  place: number;
}

function newAccount(units: readonly Unit[], rules: AccountRules, held: number): Account {
  const ordered = units.toSorted((a, b) => a.queuedSince - b.queuedSince || compareText(a.key, b.key));
  return { units: ordered, rules, held, place: 0 };
}

interface Candidate {
  readonly account: Account;
  readonly head: Unit;
}

function firstInLine(accounts: readonly Account[], patientUntil: number): Candidate | undefined {
  let first: Candidate | undefined;
  for (const account of accounts) {
    const head = account.units[account.place];
    if (!head || isOverQuota(account, head)) continue;
    const candidate = { account, head };
    if (!first || compareCandidates(candidate, first, patientUntil) < 0) first = candidate;
  }
  return first;
}

function isOverQuota({ held, rules: { maxSlots } }: Account, { attempts }: Unit): boolean {
  return maxSlots !== null && held + attempts.length > maxSlots;
}

function compareCandidates(a: Candidate, b: Candidate, patientUntil: number): number {
  const isPast = ({ head }: Candidate) => head.queuedSince < patientUntil;
  const byAge = a.head.queuedSince - b.head.queuedSince || compareText(a.head.key, b.head.key);
  const byShare = isPast(a) && isPast(b) ? 0 : shareOf(a.account) - shareOf(b.account);
  return (
    b.account.rules.priority - a.account.rules.priority ||
    Number(isPast(b)) - Number(isPast(a)) ||
    byShare ||
    byAge
  );
}

function shareOf({ held, rules: { weight } }: Account): number {
  return held / weight;
}

/** What starts together or not at all. */
interface Unit {
  readonly key: string;
  readonly accountId: string;
  readonly hardwareClass: string;
  readonly attempts: AttemptId[];
  readonly queuedSince: number;
}

function unitsOf(queue: readonly QueuedAttempt[]): readonly Unit[] {
  const units = new Map<string, Unit>();
  for (const attempt of queue.toSorted((a, b) => compareText(a.attemptId, b.attemptId))) {
    const key = attempt.inGang ? `${attempt.jobId}/${attempt.hardwareClass}` : attempt.attemptId;
    const unit = units.get(key);
    if (unit) unit.attempts.push(attempt.attemptId);
    else units.set(key, newUnit(key, attempt));
  }
  return [...units.values()];
}

function newUnit(key: string, { accountId, hardwareClass, attemptId, queuedSince }: QueuedAttempt): Unit {
  return { key, accountId, hardwareClass, attempts: [attemptId], queuedSince: queuedSince.getTime() };
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
