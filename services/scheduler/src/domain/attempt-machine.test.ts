import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type AttemptCommand,
  type AttemptCore,
  type AttemptFact,
  type AttemptState,
  attemptTransitions,
  decideAttempt,
  isFinal,
  isPlaced,
  newAttemptCore,
} from "./attempt-machine.ts";
import { failureOf } from "./failures.ts";
import type { SchedulingRules } from "./scheduling-rules.ts";

const rules: SchedulingRules = {
  leaseSeconds: 10,
  placingLeaseSeconds: 60,
  maxRetries: 3,
  retryDelaysSeconds: [0, 2, 10],
  startupSeconds: 60,
  finishSeconds: 60,
  evaluationSeconds: 600,
};

interface Model {
  attempt: AttemptCore;
  now: Date;
}

/** One command against the machine, with everything that must hold whatever the history was. */
class Step implements fc.Command<Model, Model> {
  readonly #make: (epoch: number) => AttemptCommand;
  readonly #epochOffset: number;

  constructor(make: (epoch: number) => AttemptCommand, epochOffset: number) {
    this.#make = make;
    this.#epochOffset = epochOffset;
  }

  check(): boolean {
    return true;
  }

  run(model: Model): void {
    const before = model.attempt;
    const command = this.#make(before.epoch + this.#epochOffset);
    model.now = new Date(model.now.getTime() + 1_000);
    const decision = decideAttempt(before, command, rules, model.now);
    if (!decision.ok) return;
    const { attempt: after, fact } = decision.value;
    if ("epoch" in command && command.epoch !== undefined) expect(command.epoch).toBe(before.epoch);
    if (isFinal(before.state)) expect(after).toEqual(before);
    expectLegal(before.state, fact, after.state);
    expect(after.epoch).toBeGreaterThanOrEqual(before.epoch);
    expect(after.losses).toBeLessThanOrEqual(Math.min(rules.maxRetries, after.epoch));
    expect(new Set(after.lostEpochs).size).toBe(after.losses);
    expect(after.checkpoint?.step ?? 0).toBeGreaterThanOrEqual(before.checkpoint?.step ?? 0);
    expect(after.leaseExpiresAt !== null).toBe(isPlaced(after.state));
    expect(after.finishedAt !== null).toBe(isFinal(after.state));
    expect(after.failure !== null).toBe(after.state === "failed");
    model.attempt = after;
  }

  toString(): string {
    return JSON.stringify(this.#make(this.#epochOffset));
  }
}

function expectLegal(from: AttemptState, fact: AttemptFact | null, to: AttemptState): void {
  const allowed: Partial<Record<AttemptFact, AttemptState>> = attemptTransitions[from];
  expect(fact === null ? from : allowed[fact]).toBe(to);
}

const offsets = fc.constantFrom(0, 0, 0, 0, -1, 1);
const plain = (type: "assign" | "heartbeat" | "expire" | "succeed") =>
  offsets.map((offset) => new Step((epoch) => ({ type, epoch }), offset));
const checkpoints = fc.record({ offset: offsets, stepNumber: fc.nat(1000) }).map(
  ({ offset, stepNumber }) =>
    new Step(
      (epoch) => ({
        type: "checkpoint",
        epoch,
        checkpoint: { step: stepNumber, trainSeconds: 1, files: [] },
      }),
      offset,
    ),
);

const place = fc.constant(new Step(() => ({ type: "place" }), 0));

/** What moves on comes more often than what ends: most histories would be over before anything has happened. */
const commands = [
  ...Array.from({ length: 5 }, () => [place, plain("assign"), checkpoints]).flat(),
  plain("heartbeat"),
  plain("expire"),
  plain("succeed"),
  offsets.map((offset) => new Step((epoch) => ({ type: "lose", epoch, because: "gone" }), offset)),
  offsets.map((offset) => new Step((epoch) => ({ type: "interrupt", epoch, because: "SIGTERM" }), offset)),
  offsets.map(
    (offset) => new Step((epoch) => ({ type: "fail", epoch, failure: failureOf("NONFINITE") }), offset),
  ),
  fc.constantFrom(1, 2).map((age) => new Step((epoch) => ({ type: "forgive", lostEpoch: epoch - age }), 0)),
  fc.constant(new Step(() => ({ type: "fail", failure: failureOf("DEADLINE_EXCEEDED") }), 0)),
  fc.constant(new Step(() => ({ type: "cancel" }), 0)),
];

describe("attempt machine", () => {
  test("keeps its invariants in any history", () => {
    fc.assert(
      fc.property(fc.commands(commands, { maxCommands: 60, size: "large" }), (history) => {
        const start = () => ({ attempt: newAttemptCore(new Date(0)), now: new Date(0) });
        fc.modelRun(() => ({ model: start(), real: start() }), history);
      }),
      { numRuns: 500 },
    );
  });

  test("goes on from its checkpoint after a loss, with a pause that grows, at most three times", () => {
    let attempt = placed(newAttemptCore(new Date(0)), 0);
    attempt = apply(attempt, {
      type: "checkpoint",
      epoch: 0,
      checkpoint: { step: 40, trainSeconds: 12.5, files: [] },
    });
    for (const [epoch, pauseSeconds] of [0, 2, 10].entries()) {
      attempt = apply(attempt, { type: "lose", epoch, because: "silent" });
      expect(attempt).toMatchObject({
        state: "queued",
        epoch: epoch + 1,
        checkpoint: { step: 40, trainSeconds: 12.5 },
      });
      expect(attempt.notBefore).toEqual(new Date(pauseSeconds * 1000));
      attempt = placed(attempt, epoch + 1);
    }
    attempt = apply(attempt, { type: "lose", epoch: 3, because: "silent" });
    expect(attempt).toMatchObject({ state: "failed", failure: { code: "LOST", customerError: false } });
  });

  test("an interruption by the platform is no loss; from the second on there is a pause, which grows", () => {
    let attempt = placed(newAttemptCore(new Date(0)), 0);
    for (const [epoch, pauseSeconds] of [0, 1, 2, 4, 8, 16, 32, 64, 120, 120].entries()) {
      attempt = apply(attempt, { type: "interrupt", epoch, because: "SIGTERM" });
      expect(attempt).toMatchObject({
        state: "queued",
        losses: 0,
        notBefore: new Date(pauseSeconds * 1000),
      });
      attempt = placed(attempt, epoch + 1);
    }
    attempt = apply(attempt, { type: "lose", epoch: 10, because: "silent" });
    expect(attempt).toMatchObject({ state: "queued", epoch: 11, losses: 1, notBefore: new Date(0) });
  });

  test("a loss that turns out to be the platform's counts no more: taken back once, and as an interruption from then on", () => {
    let attempt = newAttemptCore(new Date(0));
    for (const epoch of [0, 1, 2])
      attempt = apply(placed(attempt, epoch), { type: "lose", epoch, because: "silent" });
    expect(attempt).toMatchObject({ losses: 3, lostEpochs: [0, 1, 2] });
    for (const _twice of [1, 2]) {
      attempt = apply(attempt, { type: "forgive", lostEpoch: 1 });
      expect(attempt).toMatchObject({ state: "queued", epoch: 3, losses: 2, lostEpochs: [0, 2] });
    }
    attempt = apply(placed(attempt, 3), { type: "interrupt", epoch: 3, because: "evicted" });
    expect(attempt.notBefore).toEqual(new Date(1_000));
    attempt = apply(placed(attempt, 4), { type: "lose", epoch: 4, because: "silent" });
    attempt = apply(placed(attempt, 5), { type: "lose", epoch: 5, because: "silent" });
    expect(attempt).toMatchObject({ state: "failed", failure: { code: "LOST" } });
    expect(decideAttempt(attempt, { type: "forgive", lostEpoch: 0 }, rules, new Date(0)).ok).toBe(false);
  });

  test("keeps the checkpoint that is furthest, whichever comes last", () => {
    let attempt = placed(newAttemptCore(new Date(0)), 0);
    for (const step of [40, 30])
      attempt = apply(attempt, {
        type: "checkpoint",
        epoch: 0,
        checkpoint: { step, trainSeconds: 12.5, files: [] },
      });
    expect(attempt.checkpoint?.step).toBe(40);
  });

  test("a lease expires only when its time is over", () => {
    const running = placed(newAttemptCore(new Date(0)), 0);
    const at = (seconds: number) =>
      decideAttempt(running, { type: "expire", epoch: 0 }, rules, new Date(seconds * 1000));
    expect(at(9.9)).toEqual({ ok: false, error: "ILLEGAL" });
    expect(at(10)).toMatchObject({ value: { fact: "lost", attempt: { state: "queued", epoch: 1 } } });
  });

  test("refuses a stale epoch and tells a cancelled agent to stop", () => {
    const lost = apply(placed(newAttemptCore(new Date(0)), 0), { type: "lose", epoch: 0, because: "silent" });
    for (const now of [lost, placed(lost, 1)])
      expect(decideAttempt(now, { type: "heartbeat", epoch: 0 }, rules, new Date(0))).toEqual({
        ok: false,
        error: "FENCED",
      });
    const cancelled = apply(placed(lost, 1), { type: "cancel" });
    expect(decideAttempt(cancelled, { type: "heartbeat", epoch: 1 }, rules, new Date(0))).toEqual({
      ok: false,
      error: "STOPPED",
    });
  });

  test("takes a repeated last call as done", () => {
    const running = placed(newAttemptCore(new Date(0)), 0);
    const done = apply(running, { type: "succeed", epoch: 0 });
    expect(decideAttempt(done, { type: "succeed", epoch: 0 }, rules, new Date(5))).toEqual({
      ok: true,
      value: { attempt: done, fact: null },
    });
  });
});

function placed(attempt: AttemptCore, epoch: number): AttemptCore {
  return apply(apply(attempt, { type: "place" }), { type: "assign", epoch });
}

function apply(attempt: AttemptCore, command: AttemptCommand): AttemptCore {
  const decision = decideAttempt(attempt, command, rules, new Date(0));
  if (!decision.ok) throw new Error(`${command.type} was refused: ${decision.error}`);
  return decision.value.attempt;
}
