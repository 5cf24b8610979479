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

/** Can never be placed: the class is gone, or it, its pool or the account's quota has fewer slots than the race needs. */
export interface ImpossiblePlacement {
  readonly attemptId: AttemptId;
  readonly needs: number;
  readonly limit: number;
}

/**
 * Which queued attempts start now. In each pool of hardware classes by priority, then whoever holds the least for its weight, then by age. Nothing overtakes
 * a race that waits for its slots, so a large one never starves; a race that waits for its account's quota holds up only that account, one that waits for
 * its own class only that class.
 */
export function planPlacements(
  queue: readonly QueuedAttempt[],
  capacities: readonly ClassCapacity[],
  rules: AdmissionRules,
  now: Date,
): PlacementPlan {
  const pools = poolsOf(capacities, rules);
  const classes = new Map(pools.flatMap((pool) => pool.classes.map((one) => [one.name, one])));
  const impossible: ImpossiblePlacement[] = [];
  const lines = new Map<string, Line>();
  for (const unit of unitsOf(queue)) {
    const own = classes.get(unit.hardwareClass);
    const limit = limitOf(own, rulesOf(rules, unit.accountId));
    if (own && unit.attempts.length <= limit) lineOf(lines, own, unit, rules).units.push(unit);
    else
      impossible.push(
        ...unit.attempts.map((attemptId) => ({ attemptId, needs: unit.attempts.length, limit })),
      );
  }
  const byPool = Map.groupBy(lines.values(), ({ own }) => own.pool);
  const patientUntil = now.getTime() - rules.patienceSeconds * 1000;
  const place = [...byPool].flatMap(([pool, own]) => planPool(own, pool, patientUntil));
  return { place, impossible };
}

function planPool(lines: readonly Line[], pool: Pool, patientUntil: number): readonly AttemptId[] {
  const place: AttemptId[] = [];
  if (pool.free <= 0) return place;
  for (const line of lines) line.units.sort(byAge);
  for (;;) {
    const first = firstInLine(lines, patientUntil);
    if (!first) return place;
    const { line, head } = first;
    const slots = head.attempts.length;
    if (slots > line.own.free) {
      line.own.isBlocked = true;
      continue;
    }
    const cost = slots * line.own.cost;
    if (cost > pool.free) return place;
    place.push(...head.attempts);
    line.own.free -= slots;
    pool.free -= cost;
    line.slots += slots;
    line.holder.held += cost;
    line.place++;
  }
}

/** Classes that share machines. */
interface Pool {
  free: number;
  readonly classes: OwnClass[];
  readonly holders: Map<string, Holder>;
}

interface OwnClass {
  readonly name: string;
  readonly capacity: ClassCapacity;
  readonly pool: Pool;
  /** What one slot takes of the pool. */
  readonly cost: number;
  /** Slots that the class could ever have at a time. */
  readonly most: number;
  free: number;
  /** Its first in line waits for slots of the class: so do all others. */
  isBlocked: boolean;
}

function poolsOf(capacities: readonly ClassCapacity[], { pools }: AdmissionRules): readonly Pool[] {
  const found = new Map<string, Pool>();
  for (const capacity of capacities) {
    const shared = Object.entries(pools).find(([, { classes }]) => Object.hasOwn(classes, capacity.name));
    const key = shared ? `shared ${shared[0]}` : `own ${capacity.name}`;
    const units = shared ? shared[1].units : capacity.slots;
    const cost = shared?.[1].classes[capacity.name] ?? 1;
    const pool: Pool = found.get(key) ?? { free: units, classes: [], holders: new Map() };
    found.set(key, pool);
    pool.free -= capacity.busy * cost;
    const most = Math.min(capacity.slots, Math.floor(units / cost));
    const free = capacity.slots - capacity.busy;
    const { name, isPaused } = capacity;
    pool.classes.push({ name, capacity, pool, cost, most, free, isBlocked: isPaused });
  }
  return [...found.values()];
}

function limitOf(own: OwnClass | undefined, { maxSlots }: AccountRules): number {
  return Math.min(own?.most ?? 0, maxSlots ?? Number.POSITIVE_INFINITY);
}

/** One account in one pool. */
interface Holder {
  readonly rules: AccountRules;
  /** What it holds of the pool. */
  held: number;
}

/** One account's work in one class, oldest first. */
interface Line {
  readonly own: OwnClass;
  readonly holder: Holder;
  readonly units: Unit[];
  /** That the account holds of the class. */
  slots: number;
  place: number;
}

function lineOf(lines: Map<string, Line>, own: OwnClass, { accountId }: Unit, rules: AdmissionRules): Line {
  const key = `${own.name}/${accountId}`;
  const known = lines.get(key);
  if (known) return known;
  const slots = own.capacity.busyOf.get(accountId) ?? 0;
  const line = { own, holder: holderOf(own.pool, accountId, rules), units: [], slots, place: 0 };
  lines.set(key, line);
  return line;
}

function holderOf({ classes, holders }: Pool, accountId: string, rules: AdmissionRules): Holder {
  const known = holders.get(accountId);
  if (known) return known;
  const held = classes.reduce(
    (sum, { cost, capacity }) => sum + cost * (capacity.busyOf.get(accountId) ?? 0),
    0,
  );
  const holder = { rules: rulesOf(rules, accountId), held };
  holders.set(accountId, holder);
  return holder;
}

interface Candidate {
  readonly line: Line;
  readonly head: Unit;
}

function firstInLine(lines: readonly Line[], patientUntil: number): Candidate | undefined {
  let first: Candidate | undefined;
  for (const line of lines) {
    const head = line.units[line.place];
    if (!head || line.own.isBlocked || isOverQuota(line, head)) continue;
    const candidate = { line, head };
    if (!first || compareCandidates(candidate, first, patientUntil) < 0) first = candidate;
  }
  return first;
}

function isOverQuota({ slots, holder: { rules } }: Line, { attempts }: Unit): boolean {
  return rules.maxSlots !== null && slots + attempts.length > rules.maxSlots;
}

function compareCandidates(a: Candidate, b: Candidate, patientUntil: number): number {
  const isPast = ({ head }: Candidate) => head.queuedSince < patientUntil;
  const byShare = isPast(a) && isPast(b) ? 0 : shareOf(a.line.holder) - shareOf(b.line.holder);
  return (
    b.line.holder.rules.priority - a.line.holder.rules.priority ||
    Number(isPast(b)) - Number(isPast(a)) ||
    byShare ||
    byAge(a.head, b.head)
  );
}

function shareOf({ held, rules: { weight } }: Holder): number {
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
  const units: Unit[] = [];
  const races = new Map<string, Unit>();
  for (const attempt of queue) {
    const key = attempt.inGang ? `${attempt.jobId}/${attempt.hardwareClass}` : attempt.attemptId;
    const race = attempt.inGang ? races.get(key) : undefined;
    if (race) race.attempts.push(attempt.attemptId);
    else {
      const unit = newUnit(key, attempt);
      units.push(unit);
      if (attempt.inGang) races.set(key, unit);
    }
  }
  for (const { attempts } of races.values()) attempts.sort(compareText);
  return units;
}

function newUnit(key: string, { accountId, hardwareClass, attemptId, queuedSince }: QueuedAttempt): Unit {
  return { key, accountId, hardwareClass, attempts: [attemptId], queuedSince: queuedSince.getTime() };
}

function byAge(a: Unit, b: Unit): number {
  return a.queuedSince - b.queuedSince || compareText(a.key, b.key);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
