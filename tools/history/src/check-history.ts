import { type Entry, readHistory } from "./entry.ts";
import { isEnd, nextStates } from "./job-states.ts";

export interface Problem {
  readonly property:
    | "well formed"
    | "no loss"
    | "idempotent"
    | "offsets"
    | "legality"
    | "one verdict"
    | "order";
  /** Request id or job. */
  readonly key: string;
  readonly text: string;
}

export interface Judgement {
  readonly entries: number;
  /** Jobs whose creation was answered. */
  readonly accepted: number;
  /** Creations of which nobody knows whether they took effect. */
  readonly unknown: number;
  readonly ended: number;
  readonly problems: readonly Problem[];
}

/**
 * Decides whether what clients saw can be so. It knows these operations:
 * `create job` (key: request id; ok's value: the job's name), `cancel job` (key: job), `see the end` and `see job` (key: job; ok's value: the state),
 * `watch` (key: job; each ok is one entry of its log, value: {offset, state?, winner?}; an invoke's value {after} is where it resumes).
 */
export function checkHistory(text: string): Judgement {
  const entries = readHistory(text);
  const jobs = new Map<string, string>();
  const problems = [
    ...checkForm(entries),
    ...checkCreations(entries, jobs),
    ...[...Map.groupBy(entries.filter(isAboutJob), ({ key }) => key)].flatMap(([job, seen]) =>
      checkJob(job, seen),
    ),
  ];
  const ended = new Set(entries.filter((entry) => isEnd(stateOf(entry))).map(({ key }) => key));
  const lost = [...jobs].filter(([job]) => !ended.has(job));
  const losses = lost.map(([job, key]) =>
    problem("no loss", key, `${job} was accepted and no end of it was seen`),
  );
  const unknown = unknownCreations(entries);
  return {
    entries: entries.length,
    accepted: jobs.size,
    unknown,
    ended: ended.size,
    problems: [...problems, ...losses],
  };
}

/** Time never runs backwards, and nothing is answered that was not asked. One process may have several calls of one kind under way. */
function checkForm(entries: readonly Entry[]): Problem[] {
  const open = new Map<string, number>();
  const problems: Problem[] = [];
  for (const [index, { process, op, type, key, time }] of entries.entries()) {
    const before = entries[index - 1]?.time ?? time;
    if (BigInt(time) < BigInt(before))
      problems.push(problem("order", key, `time runs backwards at line ${index + 1}`));
    if (op !== "create job" && op !== "cancel job") continue;
    const call = JSON.stringify([process, op, key]);
    const left = (open.get(call) ?? 0) + (type === "invoke" ? 1 : -1);
    if (left < 0)
      problems.push(problem("well formed", key, `${op} was answered and never asked, line ${index + 1}`));
    open.set(call, Math.max(0, left));
  }
  return problems;
}

/** One request id, one job; one job, one request id. Fills `jobs`: name to request id. */
function checkCreations(entries: readonly Entry[], jobs: Map<string, string>): Problem[] {
  const names = new Map<string, string>();
  return entries.flatMap(({ op, type, key, value }) => {
    if (op !== "create job" || type !== "ok") return [];
    if (typeof value !== "string" || value === "")
      return [problem("well formed", key, "a creation was answered without a job")];
    const other = names.get(key) ?? value;
    const owner = jobs.get(value) ?? key;
    names.set(key, other);
    jobs.set(value, owner);
    if (other !== value) return [problem("idempotent", key, `one request made ${other} and ${value}`)];
    if (owner !== key) return [problem("idempotent", key, `${value} answers the request ${owner} too`)];
    return [];
  });
}

function checkJob(job: string, entries: readonly Entry[]): Problem[] {
  const observers = Map.groupBy(
    entries,
    ({ process, op }) => `${process} ${op === "watch" ? "watches" : "asks"}`,
  );
  return [
    ...[...observers.values()].flatMap((seen) => checkStates(job, seen)),
    ...[...observers.values()].flatMap((seen) => checkOffsets(job, seen)),
    ...checkLog(job, entries),
    ...checkVerdicts(job, entries),
  ];
}

/** Each observer sees a path of the state machine. */
function checkStates(job: string, entries: readonly Entry[]): Problem[] {
  let last: string | undefined;
  const problems: Problem[] = [];
  for (const entry of entries) {
    const state = stateOf(entry);
    // A watch that resumes further back sees again what it has seen.
    if (entry.op === "watch" && entry.type === "invoke") last = undefined;
    if (entry.type !== "ok" || state === "") continue;
    if (!nextStates[state]) problems.push(problem("legality", job, `there is no state ${state}`));
    if (last !== undefined && last !== state && !nextStates[last]?.includes(state))
      problems.push(problem("legality", job, `${state} was seen after ${last}`));
    last = state;
  }
  return problems;
}

/** A watch gives every entry of the log in order, from where it resumed, which is nowhere that it has not come to. */
function checkOffsets(job: string, entries: readonly Entry[]): Problem[] {
  let last: bigint | undefined;
  return entries.flatMap((entry) => {
    if (entry.op !== "watch" || (entry.type !== "invoke" && entry.type !== "ok")) return [];
    const before = last;
    if (entry.type === "invoke") {
      last = integer(fieldOf(entry, "after")) ?? 0n;
      return checkResumption(job, before, last);
    }
    last = integer(fieldOf(entry, "offset"));
    return checkOffset(job, before, last);
  });
}

function checkResumption(job: string, before: bigint | undefined, after: bigint): Problem[] {
  if (before === undefined || after <= before) return [];
  return [problem("offsets", job, `a watch that had come to ${before} went on after ${after}`)];
}

function checkOffset(job: string, before: bigint | undefined, offset: bigint | undefined): Problem[] {
  if (offset === undefined) return [problem("well formed", job, "a watch gave an entry without an offset")];
  if (before === undefined)
    return [problem("well formed", job, "a watch gave an entry before it was asked for")];
  return offset === before + 1n ? [] : [problem("offsets", job, `offset ${offset} came after ${before}`)];
}

/** The log is the same whoever reads it, however often. */
function checkLog(job: string, entries: readonly Entry[]): Problem[] {
  const log = new Map<string, string>();
  return entries.flatMap((entry) => {
    if (entry.op !== "watch" || entry.type !== "ok") return [];
    const offset = fieldOf(entry, "offset") ?? "";
    const found = stateOf(entry);
    const known = log.get(offset) ?? found;
    log.set(offset, known);
    return known === found
      ? []
      : [problem("offsets", job, `entry ${offset} was ${known} once and ${found} later`)];
  });
}

/** Whoever asks, whenever: one way to end, one winner. Only a cancelling may still be overtaken by a verdict. */
function checkVerdicts(job: string, entries: readonly Entry[]): Problem[] {
  const ok = entries.filter(({ type }) => type === "ok");
  const ends = new Set(ok.map(stateOf).filter(isEnd));
  const winners = new Set(
    ok.map((entry) => fieldOf(entry, "winner")).filter((winner) => winner !== undefined),
  );
  const problems: Problem[] = [];
  if (ends.has("FAILED") && ends.size > 1)
    problems.push(problem("one verdict", job, `it ended as ${[...ends].join(" and ")}`));
  if (winners.size > 1)
    problems.push(problem("one verdict", job, `its winner was ${[...winners].join(" and ")}`));
  return problems;
}

/** Request ids that were asked for and neither answered nor refused. */
function unknownCreations(entries: readonly Entry[]): number {
  const creations = entries.filter(({ op }) => op === "create job");
  const settled = new Set(
    creations.filter(({ type }) => type === "ok" || type === "fail").map(({ key }) => key),
  );
  return new Set(creations.map(({ key }) => key).filter((key) => !settled.has(key))).size;
}

function isAboutJob({ op }: Entry): boolean {
  return op === "watch" || op === "see job" || op === "see the end";
}

function stateOf(entry: Entry): string {
  if (!isAboutJob(entry) || entry.type !== "ok") return "";
  return typeof entry.value === "string" ? entry.value : (fieldOf(entry, "state") ?? "");
}

function fieldOf({ value }: Entry, name: string): string | undefined {
  if (typeof value !== "object" || value === null || !(name in value)) return undefined;
  const field = (value as Record<string, unknown>)[name];
  return field === undefined || field === null ? undefined : String(field as string | number);
}

function integer(text: string | undefined): bigint | undefined {
  return text !== undefined && /^\d+$/.test(text) ? BigInt(text) : undefined;
}

function problem(property: Problem["property"], key: string, text: string): Problem {
  return { property, key, text };
}
