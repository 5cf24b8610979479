import { create } from "@bufbuild/protobuf";
import { FailureReasonSchema, FileRefSchema } from "@gradients/contracts/common";
import { JobScoredSchema, WaitReason } from "@gradients/contracts/event";
import type { AccountId, AttemptId, DatasetId, JobId, ModelId, RecipeId } from "@gradients/kernel";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyFact, type Contestant, type JobFact } from "./apply-fact.ts";
import { attemptTransitions, isEnded, type JobView, jobTransitions } from "./job.ts";

const at = new Date("2026-11-24T12:00:00Z");
const accepted: JobView = {
  job: {
    jobId: "j" as JobId,
    projectId: "p" as AccountId,
    spec: {
      displayName: "",
      modelId: "m" as ModelId,
      datasetId: "d" as DatasetId,
      contestants: 2,
      recipeIds: [],
      budgetSeconds: 60,
      hardwareClass: "local",
      maxLength: 128,
    },
    state: "accepted",
    trainRows: 0,
    heldoutRows: 0,
    heldoutCommitment: "",
    droppedRows: {},
    verdict: undefined,
    failure: undefined,
    createdAt: at,
    startedAt: undefined,
    endedAt: undefined,
    eventOffset: 1n,
  },
  attempts: [],
  payments: [],
};

const contestant = (id: string): Contestant => ({
  attemptId: id as AttemptId,
  recipeId: "r" as RecipeId,
  recipeTitle: "R",
  contestantHotkey: "hot",
});
const failure = create(FailureReasonSchema, { code: "X", message: "Why." });
const started = (id: string, epoch = 0): JobFact => ({
  kind: "attempt_started",
  at,
  contestant: contestant(id),
  epoch,
});
const waiting = (id: string, reason: WaitReason, seconds = 0, epoch = 0): JobFact => ({
  kind: "attempt_waiting",
  at: new Date(at.getTime() + seconds * 1000),
  contestant: contestant(id),
  epoch,
  reason,
});
const finished = (id: string): JobFact => ({
  kind: "attempt_finished",
  at,
  attemptId: id as AttemptId,
  artifact: [],
  stats: undefined,
});
const failed = (id: string): JobFact => ({ kind: "attempt_failed", at, attemptId: id as AttemptId, failure });
const raceFinished: JobFact = {
  kind: "race_finished",
  at,
  results: ["a", "b"].map((id) => ({
    ...contestant(id),
    artifact: [],
    stats: undefined,
    failure: id === "b" ? failure : undefined,
  })),
};
const split: JobFact = {
  kind: "split_committed",
  at,
  trainRows: 9,
  heldoutRows: 1,
  commitment: "c",
  droppedRows: {},
};
const scored: JobFact = { kind: "scored", at, verdict: create(JobScoredSchema, { winnerAttemptId: "a" }) };
const jobFailed: JobFact = { kind: "failed", at, failure };
const cancelled: JobFact = { kind: "cancelled", at };
const evaluation: JobFact = { kind: "evaluation_requested", at };

const after = (...facts: readonly JobFact[]) =>
  facts.reduce((view, fact) => applyFact(view, fact) ?? view, accepted);

describe("a job", () => {
  test("goes from acceptance over queue, race and evaluation to its verdict", () => {
    const story = [split, started("a"), raceFinished, evaluation, scored];
    const states = story.map((_, index) => after(...story.slice(0, index + 1)).job.state);
    expect(states).toEqual(["queued", "racing", "evaluating", "evaluating", "succeeded"]);
  });

  test("that is cancelled takes its unfinished attempts along and keeps the finished ones", () => {
    const { job, attempts } = after(split, started("a"), started("b"), finished("a"), cancelled);
    expect(job.state).toBe("cancelled");
    expect(attempts.map(({ state }) => state)).toEqual(["succeeded", "cancelled"]);
  });

  test("learns of attempts that never started from the end of the race", () => {
    const { attempts } = after(split, raceFinished);
    expect(attempts.map(({ attemptId, state }) => [attemptId, state])).toEqual([
      ["a", "succeeded"],
      ["b", "failed"],
    ]);
  });

  test("shows a retried attempt as running again, and knows an old placement's news as old", () => {
    const retried = after(started("a", 1));
    expect(retried.attempts[0]).toMatchObject({ state: "running", epoch: 1 });
    expect(applyFact(retried, started("a", 0))).toBeUndefined();
    expect(applyFact(retried, started("a", 1))).toBeUndefined();
    expect(applyFact(after(started("a"), finished("a")), started("a", 1))).toBeUndefined();
  });
});

describe("an attempt that waits", () => {
  test("is known before it runs, and its wait is one whatever the reasons are", () => {
    const reasons = [waiting("a", WaitReason.NO_MACHINE), waiting("a", WaitReason.IMAGE, 60)];
    const { job, attempts } = after(split, ...reasons);
    expect(job.state).toBe("queued");
    expect(attempts).toMatchObject([{ state: "queued", waiting: { reason: WaitReason.IMAGE, since: at } }]);
  });

  test("waits no more when nothing is in its way, when it runs, and when it ends", () => {
    for (const end of [waiting("a", WaitReason.UNSPECIFIED, 9), started("a"), failed("a"), cancelled]) {
      const { attempts } = after(split, waiting("a", WaitReason.QUOTA), end);
      expect(attempts.map((attempt) => attempt.waiting)).toEqual([undefined]);
    }
  });

  test("may have run before; old news of a wait changes nothing", () => {
    const again = after(started("a"), waiting("a", WaitReason.NO_MACHINE, 5, 1));
    expect(again.attempts).toMatchObject([{ state: "queued", epoch: 1 }]);
    expect(applyFact(after(started("a")), waiting("a", WaitReason.IMAGE))).toBeUndefined();
    expect(applyFact(again, waiting("a", WaitReason.IMAGE, 9, 0))).toBeUndefined();
    expect(applyFact(after(cancelled), waiting("a", WaitReason.IMAGE))).toBeUndefined();
    expect(applyFact(again, started("a"))).toBeUndefined();
    expect(
      applyFact(after(started("a"), finished("a")), waiting("a", WaitReason.IMAGE, 1, 1)),
    ).toBeUndefined();
  });
});

describe("a job that has ended", () => {
  test("with its verdict still takes in the news of its attempts", () => {
    const artifact = [create(FileRefSchema, { name: "adapter.safetensors" })];
    const late = after(scored, started("a"), started("b"), { ...finished("a"), artifact } as JobFact);
    expect(late.job).toEqual(after(scored).job);
    expect(late.attempts.map(({ state }) => state)).toEqual(["succeeded", "running"]);
    expect(late.attempts[0]?.artifact).toEqual(artifact);
    expect(applyFact(late, raceFinished)?.attempts.map(({ state }) => state)).toEqual([
      "succeeded",
      "failed",
    ]);
    expect(applyFact(after(scored, raceFinished), raceFinished)).toBeUndefined();
  });

  test("because it was cancelled is shown with the verdict that crossed with that", () => {
    const { job, attempts } = after(started("a"), cancelled, scored, finished("a"));
    expect(job).toMatchObject({ state: "succeeded", verdict: { winnerAttemptId: "a" } });
    expect(attempts.map(({ state }) => state)).toEqual(["succeeded"]);
  });
});

describe("whatever is told, in whatever order and however often", () => {
  const anyFact = fc.constantFrom(
    split,
    started("a"),
    started("b"),
    started("a", 1),
    waiting("a", WaitReason.QUOTA),
    waiting("a", WaitReason.IMAGE, 1),
    waiting("b", WaitReason.UNSPECIFIED, 2),
    waiting("b", WaitReason.NO_MACHINE, 3, 1),
    finished("a"),
    failed("b"),
    raceFinished,
    evaluation,
    scored,
    jobFailed,
    cancelled,
  );

  test("an ended job stays as it ended, with its reason or verdict", () => {
    fc.assert(
      fc.property(fc.array(anyFact), anyFact, (facts, next) => {
        const view = after(...facts);
        fc.pre(isEnded(view.job.state) && !(view.job.state === "cancelled" && next.kind === "scored"));
        const later = applyFact(view, next);
        if (later) expect(later.job).toEqual(view.job);
        expect(view.job.endedAt).toEqual(at);
        expect(view.job.verdict !== undefined).toBe(view.job.state === "succeeded");
        expect(view.job.failure !== undefined).toBe(view.job.state === "failed");
      }),
    );
  });

  test("every step is one of the tables'", () => {
    fc.assert(
      fc.property(fc.array(anyFact), anyFact, (facts, next) => {
        const before = after(...facts);
        const later = applyFact(before, next);
        if (!later) return;
        const jobTargets: readonly string[] = [
          before.job.state,
          ...Object.values(jobTransitions[before.job.state]),
        ];
        expect(jobTargets).toContain(later.job.state);
        for (const attempt of before.attempts) {
          const targets: readonly string[] = [
            attempt.state,
            ...Object.values(attemptTransitions[attempt.state]),
          ];
          expect(targets).toContain(
            later.attempts.find(({ attemptId }) => attemptId === attempt.attemptId)?.state,
          );
        }
      }),
    );
  });

  test("the same fact again changes nothing that is seen, and no attempt is there twice", () => {
    fc.assert(
      fc.property(fc.array(anyFact), anyFact, (facts, fact) => {
        const once = after(...facts, fact);
        const twice = applyFact(once, fact) ?? once;
        expect(twice).toEqual(once);
        expect(new Set(once.attempts.map(({ attemptId }) => attemptId)).size).toBe(once.attempts.length);
      }),
    );
  });

  test("a failed or cancelled job has no running attempt", () => {
    fc.assert(
      fc.property(fc.array(anyFact), (facts) => {
        const { job, attempts } = after(...facts);
        fc.pre(job.state === "failed" || job.state === "cancelled");
        expect(attempts.every(({ state }) => state !== "running" && state !== "queued")).toBe(true);
      }),
    );
  });
});
