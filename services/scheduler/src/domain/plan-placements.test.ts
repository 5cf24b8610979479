import type { AttemptId, JobId } from "@gradients/kernel";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type AccountRules, type AdmissionRules, poolProblem } from "./admission-rules.ts";
import { type ClassCapacity, planPlacements, type QueuedAttempt } from "./plan-placements.ts";

const now = new Date(1_000_000_000);
const common: AccountRules = { priority: 0, weight: 1, maxSlots: null };

function rulesFor(
  accounts: AdmissionRules["accounts"] = {},
  patienceSeconds = 1e9,
  pools: AdmissionRules["pools"] = {},
): AdmissionRules {
  return { accounts, common, patienceSeconds, pools };
}

function attempt(id: string, jobId: string, options: Partial<QueuedAttempt> = {}): QueuedAttempt {
  return {
    attemptId: id as AttemptId,
    jobId: jobId as JobId,
    accountId: "one",
    hardwareClass: "cpu",
    inGang: true,
    queuedSince: new Date(0),
    ...options,
  };
}

function race(jobId: string, size: number, options: Partial<QueuedAttempt> = {}): QueuedAttempt[] {
  return Array.from({ length: size }, (_, n) => attempt(`${jobId}${n}`, jobId, options));
}

function capacity(slots: number, busyOf: Readonly<Record<string, number>> = {}, more = 0): ClassCapacity {
  const held = Object.values(busyOf).reduce((sum, count) => sum + count, more);
  return { name: "cpu", slots, busy: held, busyOf: new Map(Object.entries(busyOf)), isPaused: false };
}

function plan(queue: readonly QueuedAttempt[], slots: number, busy = 0, rules = rulesFor()) {
  return planPlacements(queue, [capacity(slots, {}, busy)], rules, now);
}

const at = (seconds: number) => ({ queuedSince: new Date(seconds * 1000) });

describe("planPlacements", () => {
  test("starts all attempts of a race together or none", () => {
    expect(plan(race("a", 3), 3).place).toEqual(["a0", "a1", "a2"]);
    expect(plan(race("a", 3), 3, 1)).toEqual({ place: [], impossible: [] });
  });

  test("lets nothing overtake a race that waits for its slots", () => {
    const younger = attempt("b1", "b", { ...at(5), inGang: false, accountId: "two" });
    expect(plan([younger, ...race("a", 2)], 2, 1).place).toEqual([]);
  });

  test("places a retry of an older job before a younger race", () => {
    const retry = attempt("a1", "a", { inGang: false });
    const younger = race("b", 2, at(5));
    expect(plan([...younger, retry], 3).place).toEqual(["a1", "b0", "b1"]);
    expect(plan([...younger, retry], 2).place).toEqual(["a1"]);
  });

  test("names what can never be placed and does not wait for it", () => {
    const lost = attempt("c1", "c", { hardwareClass: "gone" });
    const next = attempt("b1", "b", at(5));
    const { place, impossible } = plan([...race("a", 2), lost, next], 1);
    expect(place).toEqual(["b1"]);
    expect(impossible).toEqual([
      { attemptId: "a0", needs: 2, limit: 1 },
      { attemptId: "a1", needs: 2, limit: 1 },
      { attemptId: "c1", needs: 1, limit: 0 },
    ]);
  });

  test("a higher priority goes first, however young", () => {
    const rules = rulesFor({ two: { priority: 5 } });
    const queue = [...race("a", 2), ...race("b", 2, { ...at(9), accountId: "two" })];
    expect(plan(queue, 3, 0, rules).place).toEqual(["b0", "b1"]);
  });

  test("shares slots by weight, whoever came first with however much", () => {
    const flood = Array.from({ length: 20 }, (_, n) => race(`a${n}-`, 1, at(n))).flat();
    const late = Array.from({ length: 20 }, (_, n) =>
      race(`b${n}-`, 1, { ...at(100 + n), accountId: "two" }),
    ).flat();
    const rules = rulesFor({ two: { weight: 2 } });
    const { place } = plan([...flood, ...late], 9, 0, rules);
    expect(place.filter((id) => id.startsWith("b"))).toHaveLength(6);
    const held = [capacity(9, { one: 4 })];
    expect(planPlacements([...flood, ...late], held, rules, now).place.map((id) => id[0])).toEqual([
      "b",
      "b",
      "b",
      "b",
      "b",
    ]);
  });

  test("an account's quota holds up that account alone", () => {
    const rules = rulesFor({ one: { maxSlots: 3 } });
    const queue = [
      ...race("a", 2),
      ...race("b", 2, at(1)),
      ...race("c", 1, at(2)),
      ...race("d", 1, { ...at(3), accountId: "two" }),
    ];
    expect(plan(queue, 9, 0, rules).place).toEqual(["a0", "a1", "d0"]);
    expect(plan(race("e", 4), 9, 0, rules).impossible).toHaveLength(4);
  });

  test("what has waited beyond all patience goes before any share", () => {
    const queue = [...race("a", 3), ...race("b", 1, { queuedSince: now, accountId: "two" })];
    const held = [capacity(4, { one: 1 })];
    expect(planPlacements(queue, held, rulesFor({}, 60), now).place).toEqual(["a0", "a1", "a2"]);
    expect(planPlacements(queue, held, rulesFor(), now).place).toEqual(["b0"]);
  });

  test("a class that is paused takes nothing, and says what it never could", () => {
    const paused = [{ ...capacity(3), isPaused: true }];
    expect(planPlacements([...race("a", 2), ...race("b", 4)], paused, rulesFor(), now)).toMatchObject({
      place: [],
      impossible: { length: 4 },
    });
  });
});

describe("in a pool of classes", () => {
  const shared = { gpus: { units: 8, classes: { one: 1, server: 8 } } };
  const small = (slots = 8, busyOf: Readonly<Record<string, number>> = {}) => ({
    ...capacity(slots, busyOf),
    name: "one",
  });
  const large = (slots = 1) => ({ ...capacity(slots), name: "server" });
  const planPool = (
    queue: readonly QueuedAttempt[],
    classes: readonly ClassCapacity[],
    accounts: AdmissionRules["accounts"] = {},
  ) => planPlacements(queue, classes, rulesFor(accounts, 1e9, shared), now);
  const server = (id: string, more: object = {}) =>
    attempt(id, id, { hardwareClass: "server", accountId: "two", ...more });

  test("what one class holds is not there for another", () => {
    expect(planPool([server("s")], [small(8, { one: 1 }), large()]).place).toEqual([]);
    expect(planPool([server("s")], [small(), large()]).place).toEqual(["s"]);
    expect(
      planPool([server("s"), attempt("a", "a", { ...at(1), hardwareClass: "one" })], [small(), large()])
        .place,
    ).toEqual(["s"]);
  });

  test("nothing of any class overtakes what waits for the pool", () => {
    const young = attempt("a", "a", { ...at(5), hardwareClass: "one", accountId: "three" });
    expect(planPool([young, server("s")], [small(8, { one: 1 }), large()]).place).toEqual([]);
  });

  test("what waits for its own class holds up that class alone", () => {
    const queue = [server("s"), server("t", at(1)), attempt("a", "a", { ...at(5), hardwareClass: "one" })];
    const two = { gpus: { units: 20, classes: { one: 1, server: 8 } } };
    expect(planPlacements(queue, [small(), large()], rulesFor({}, 1e9, two), now).place).toEqual(["s", "a"]);
  });

  test("an account's share is what it holds of the whole pool", () => {
    const four = { gpus: { units: 8, classes: { one: 1, server: 4 } } };
    const queue = [
      server("s", at(0)),
      ...["a", "b", "c", "d", "e"].map((id) => attempt(id, id, { ...at(1), hardwareClass: "one" })),
      server("t", at(2)),
    ];
    expect(planPlacements(queue, [small(), large(2)], rulesFor({}, 1e9, four), now).place).toEqual([
      "s",
      "a",
      "b",
      "c",
      "d",
    ]);
  });

  test("what the pool can never hold is named", () => {
    const pair = race("p", 2, { hardwareClass: "server" });
    expect(planPool(pair, [small(), large(5)]).impossible).toEqual([
      { attemptId: "p0", needs: 2, limit: 1 },
      { attemptId: "p1", needs: 2, limit: 1 },
    ]);
  });

  test("a class is in one pool, exists and fits", () => {
    const of = (pools: AdmissionRules["pools"]) => poolProblem({ pools }, ["one", "server"]);
    expect(of(shared)).toBeUndefined();
    expect(of({ gpus: { units: 8, classes: { none: 1 } } })).toMatch(/"none", which is none/);
    expect(of({ ...shared, more: { units: 1, classes: { one: 1 } } })).toMatch(
      /in the pools "gpus" and "more"/,
    );
    expect(of({ gpus: { units: 4, classes: { server: 8 } } })).toMatch(/takes 8 of the pool "gpus"/);
  });
});

interface Job {
  readonly id: string;
  readonly account: string;
  readonly size: number;
  readonly at: number;
}

const accountIds = ["one", "two", "three"];
const LAST_ARRIVAL = 50;
const jobs = fc
  .array(
    fc.record({
      account: fc.constantFrom(...accountIds),
      size: fc.integer({ min: 1, max: 6 }),
      at: fc.nat(LAST_ARRIVAL),
    }),
    {
      maxLength: 15,
    },
  )
  .map((list) => list.map((job, place): Job => ({ ...job, id: `j${place}-` })));
const accountRules = fc.record({
  priority: fc.integer({ min: 0, max: 1 }),
  weight: fc.constantFrom(0.5, 1, 2),
  maxSlots: fc.option(fc.integer({ min: 1, max: 6 })),
});
const rules = fc
  .record({ one: accountRules, two: accountRules, three: accountRules })
  .map((accounts) => rulesFor(accounts));

function queueOf(list: readonly Job[]): QueuedAttempt[] {
  return list.flatMap(({ id, account, size, at: seconds }) =>
    race(id, size, { accountId: account, ...at(seconds) }),
  );
}

describe("in any queue", () => {
  test("slots and quotas are kept, races stay whole, and what can never start is named", () => {
    fc.assert(
      fc.property(jobs, rules, fc.integer({ min: 1, max: 8 }), fc.nat(4), (list, admission, slots, held) => {
        const classes = [capacity(slots, { one: Math.min(held, slots) })];
        const { place, impossible } = planPlacements(queueOf(list), classes, admission, now);
        expect(place.length).toBeLessThanOrEqual(slots - (classes[0]?.busy ?? 0));
        for (const account of accountIds) {
          const own = list.filter((job) => job.account === account);
          const placed = own.flatMap(({ id }) => place.filter((one) => one.startsWith(id))).length;
          const quota = admission.accounts[account]?.maxSlots ?? slots;
          const before = account === "one" ? (classes[0]?.busy ?? 0) : 0;
          if (placed > 0) expect(before + placed).toBeLessThanOrEqual(quota);
          for (const { id, size } of own) {
            expect([0, size]).toContain(place.filter((one) => one.startsWith(id)).length);
            expect(impossible.some(({ attemptId }) => attemptId.startsWith(id))).toBe(
              size > Math.min(slots, quota),
            );
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test("no lower priority starts while a higher one that its quota allows waits", () => {
    fc.assert(
      fc.property(jobs, rules, fc.integer({ min: 1, max: 8 }), (list, admission, slots) => {
        const unlimited = rulesFor(
          Object.fromEntries(
            Object.entries(admission.accounts).map(([id, one]) => [id, { ...one, maxSlots: null }]),
          ),
        );
        const { place } = planPlacements(queueOf(list), [capacity(slots)], unlimited, now);
        const priorityOf = ({ account }: Job) => unlimited.accounts[account]?.priority ?? 0;
        const waiting = list.filter(
          ({ id, size }) => size <= slots && !place.some((one) => one.startsWith(id)),
        );
        const placed = list.filter(({ id }) => place.some((one) => one.startsWith(id)));
        for (const low of placed)
          for (const high of waiting) expect(priorityOf(low)).toBeGreaterThanOrEqual(priorityOf(high));
      }),
      { numRuns: 500 },
    );
  });

  test("every race starts in the end, however large, while smaller ones keep coming", () => {
    const lengths = fc.array(fc.integer({ min: 2, max: 4 }), { minLength: 7, maxLength: 7 });
    fc.assert(
      fc.property(jobs, fc.integer({ min: 6, max: 8 }), lengths, (list, slots, rounds) => {
        expect(startOver(list.slice(0, 6), slots, rounds)).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });
});

/** Rounds of arrivals, ends and placements on a class that small jobs alone keep full; the large ones that never started. */
function startOver(list: readonly Job[], slots: number, lengths: readonly number[]): readonly string[] {
  const waiting = new Map<string, Job>();
  let running: { readonly job: Job; readonly until: number }[] = [];
  let begun = 0;
  for (let round = 0; round < 300; round++) {
    if (round > LAST_ARRIVAL && ![...waiting.keys()].some((id) => id.startsWith("j"))) return [];
    running = running.filter(({ until }) => until > round);
    for (const job of list) if (job.at === round) waiting.set(job.id, job);
    for (let n = 0; n < 3; n++) {
      const noise = { id: `n${round}.${n}-`, account: `noise${n}`, size: 1, at: round };
      waiting.set(noise.id, noise);
    }
    const busyOf: Record<string, number> = {};
    for (const { job } of running) busyOf[job.account] = (busyOf[job.account] ?? 0) + job.size;
    const time = new Date(round * 1000);
    const queue = queueOf([...waiting.values()]);
    const { place } = planPlacements(queue, [capacity(slots, busyOf)], rulesFor({}, 20), time);
    const placed = new Set(place.map((id) => `${id.split("-")[0]}-`));
    for (const id of placed) {
      const job = waiting.get(id);
      if (job) running.push({ job, until: round + (lengths[begun++ % lengths.length] ?? 1) });
      waiting.delete(id);
    }
  }
  return [...waiting.keys()].filter((id) => id.startsWith("j"));
}
