import { err, ok, Rng } from "@gradients/kernel";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AlignedScores, alignScores, type ExampleScore } from "./align-scores.ts";
import { canonicalJson } from "./canonical-json.ts";
import type { ArtifactChecks } from "./disqualification.ts";
import { VERDICT_RULES } from "./ranks.ts";
import { type Entry, judge, type RankedEntry, type VerdictInput } from "./verdict.ts";

const ROWS = 120;
const heldoutRows = Array.from({ length: ROWS }, (_, index) => index * 3 + 1);
const sound: ArtifactChecks = {
  loads: true,
  finite: true,
  changed: true,
  safetensorsOnly: true,
  updateNorm: 1,
  weightsSha256: "",
};

describe("alignScores", () => {
  const line = (row: number, nll = 1): ExampleScore => ({ row, nll, tokens: 2 });

  it("goes by row number, so order and a missing line elsewhere shift nothing", () => {
    const aligned = alignScores([5, 7, 9], [line(9, 0.9), line(5, 0.5), line(7, 0.7)]);
    expect(aligned.ok && Array.from(aligned.value.nll)).toEqual([0.5, 0.7, 0.9]);
  });

  it.each([
    [[line(5), line(9)], { kind: "missing_rows", count: 1, firstRow: 7 }],
    [[line(5), line(7), line(9), line(5)], { kind: "repeated_row", row: 5 }],
    [[line(5), line(6), line(9)], { kind: "unknown_row", row: 6 }],
    [[line(5, Number.NaN), line(7), line(9)], { kind: "not_finite", row: 5 }],
    [[line(5, Number.POSITIVE_INFINITY), line(7), line(9)], { kind: "not_finite", row: 5 }],
    [[{ ...line(5), tokens: 1.5 }, line(7), line(9)], { kind: "bad_tokens", row: 5 }],
    [[5, 7, 9].map((row) => ({ ...line(row), tokens: 0 })), { kind: "no_tokens" }],
    [[], { kind: "missing_rows", count: 3, firstRow: 5 }],
  ])("refuses %j", (scores, fault) => {
    expect(alignScores([5, 7, 9], scores)).toEqual({ ok: false, error: fault });
  });
});

describe("the verdict", () => {
  it("names a sole winner when the rows tell the attempts apart", () => {
    const verdict = judge(race({ a: 0.5, b: 0.3, plain: 0.2 }));
    expect(ranks(verdict.ranking)).toEqual({ a: 1, b: 2, plain: 3 });
    expect(verdict).toMatchObject({ winnerAttemptId: "a", isTie: false });
    const [first, second, third] = verdict.ranking;
    expect(first).toMatchObject({ probabilityBest: 1, gainOverBase: { value: expect.closeTo(0.5, 1) } });
    expect(second).toMatchObject({ gainOverDefault: { value: expect.closeTo(0.125, 1) } });
    expect(third).toMatchObject({ attemptId: "plain", gainOverDefault: undefined });
  });

  it("shares rank 1 when they cannot be told apart, and gives the lowest loss to download", () => {
    const verdict = judge(race({ a: 0.3, b: 0.3005, plain: 0.1 }, 0.2));
    expect(ranks(verdict.ranking)).toEqual({ a: 1, b: 1, plain: 3 });
    expect(verdict.isTie).toBe(true);
    const [best] = verdict.ranking.toSorted((x, y) => lossOf(x) - lossOf(y));
    expect(verdict.winnerAttemptId).toBe(best?.attemptId);
  });

  it("calls gaps below the practical minimum a tie, however certain they are", () => {
    const base = scores(() => 3);
    const swinging = { ...base, nll: base.nll.map((nll, row) => nll * (row % 2 === 0 ? 1.003 : 0.997)) };
    const attempts = {
      a: scaled(base, 0.5),
      b: scaled(base, 0.5 * 1.0013),
      c: scaled(swinging, 0.5 * 1.0015),
    };
    const verdict = judge(input(base, { ...attempts, plain: scaled(base, 0.9) }));
    expect(verdict.ranking[0]).toMatchObject({ attemptId: "a", probabilityBest: 1, rank: 1 });
    expect(ranks(verdict.ranking)).toEqual({ a: 1, b: 1, c: 1, plain: 4 });
  });

  it("ranks a single attempt alone, also when it is worse than the base model", () => {
    const verdict = judge(race({ plain: -0.1 }));
    expect(verdict).toMatchObject({ winnerAttemptId: "plain", isTie: false });
    expect(verdict.ranking[0]).toMatchObject({
      rank: 1,
      probabilityBest: 1,
      gainOverBase: { value: expect.closeTo(-0.1, 1) },
    });
  });

  it("gives the others their own scores when the entry in the middle fails", () => {
    const whole = race({ a: 0.5, b: 0.4, plain: 0.2 });
    const alone = judge({ ...whole, entries: whole.entries.filter(({ attemptId }) => attemptId !== "b") });
    for (const outcome of failures) {
      const verdict = judge({
        ...whole,
        entries: whole.entries.map((entry) => (entry.attemptId === "b" ? { ...entry, outcome } : entry)),
      });
      expect(verdict.ranking.slice(0, 2)).toEqual(alone.ranking);
      expect(verdict.ranking[2]).toMatchObject({
        attemptId: "b",
        rank: 0,
        reason: { code: expect.stringMatching(/./) },
      });
    }
  });

  it.each([
    ["UNSAFE", { safetensorsOnly: false }],
    ["UNLOADABLE", { loads: false }],
    ["NOT_FINITE", { finite: false }],
    ["UNTRAINED", { changed: false }],
  ])("disqualifies as %s", (code, checks) => {
    const whole = race({ a: 0.5, plain: 0.2 });
    const verdict = judge(withChecks(whole, "a", { ...sound, ...checks }));
    expect(verdict.ranking[1]).toMatchObject({ attemptId: "a", rank: 0, reason: { code } });
    expect(verdict.winnerAttemptId).toBe("plain");
  });

  it("disqualifies scores on other tokens than the base model's", () => {
    const whole = race({ a: 0.5, plain: 0.2 });
    const { tokens, ...rest } = whole.base;
    const verdict = judge(
      withScores(whole, "a", {
        ...rest,
        tokens: tokens.map((count, row) => (row === 3 ? count + 1 : count)),
      }),
    );
    expect(verdict.ranking[1]).toMatchObject({
      attemptId: "a",
      reason: { code: "INCOMPLETE", message: expect.stringContaining("Row 10") },
    });
  });

  it("has no winner when nobody counts", () => {
    const whole = race({ plain: 0.2 });
    expect(judge(withChecks(whole, "plain", { ...sound, changed: false }))).toMatchObject({
      winnerAttemptId: undefined,
      isTie: false,
    });
  });

  it("is the same to the last bit whatever the order of the entries", { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(fc.string(), (seed) => {
        const whole = race({ a: 0.3, b: 0.301, c: 0.302, plain: 0.25 });
        const verdict = judge({ ...whole, rules: { ...VERDICT_RULES, resamples: 500 } });
        const shuffled = {
          ...whole,
          rules: { ...VERDICT_RULES, resamples: 500 },
          entries: new Rng(seed).shuffle(whole.entries),
        };
        expect(canonicalJson(judge(shuffled))).toBe(canonicalJson(verdict));
      }),
      { numRuns: 10 },
    );
  });
});

describe("copies", () => {
  const whole = race({ a: 0.5, b: 0.45, plain: 0.2 });

  it("keeps the earlier of two artifacts with equal weights", () => {
    const verdict = judge(
      withChecks(withChecks(whole, "a", { ...sound, weightsSha256: "same" }), "b", {
        ...sound,
        weightsSha256: "same",
      }),
    );
    expect(ranks(verdict.ranking)).toEqual({ a: 1, plain: 2, b: 0 });
    expect(verdict.ranking[2]).toMatchObject({
      reason: { code: "COPY", message: expect.stringContaining("attempt a") },
    });
  });

  it("sees through a little noise on the weights", () => {
    const original = scoresOf(whole, "a");
    const rng = new Rng("noise");
    const verdict = judge(
      withScores(whole, "b", {
        ...original,
        nll: original.nll.map((nll) => nll * (1 + 2e-4 * (rng.float() - 0.5))),
      }),
    );
    expect(ranks(verdict.ranking)).toEqual({ a: 1, plain: 2, b: 0 });
  });

  it("lets runs pass that differ as two seeds do", () => {
    const original = scoresOf(whole, "a");
    const rng = new Rng("seeds");
    const verdict = judge(
      withScores(whole, "b", {
        ...original,
        nll: original.nll.map((nll) => nll * (1 + 0.02 * (rng.float() - 0.5))),
      }),
    );
    expect(ranks(verdict.ranking)).toMatchObject({ a: 1, b: 1 });
  });

  it("lets short honest runs pass that both stayed near the base model", () => {
    const near = (seed: string) => {
      const rng = new Rng(seed);
      return { ...whole.base, nll: whole.base.nll.map((nll) => nll * (1 - 8e-4 * rng.float())) };
    };
    const verdict = judge(withScores(withScores(whole, "a", near("a")), "b", near("b")));
    expect(verdict.ranking.every(({ rank }) => rank > 0)).toBe(true);
  });

  it("counts the default recipe as the original, even when it finished last", () => {
    const verdict = judge(withScores(whole, "b", scoresOf(whole, "plain")));
    expect(ranks(verdict.ranking)).toEqual({ a: 1, plain: 2, b: 0 });
  });
});

describe("wrong winners", () => {
  it("come up in at most 5 % of races with a true gap, and ties are called rather than coin tosses", {
    timeout: 60_000,
  }, () => {
    const counts = { right: 0, wrong: 0, tie: 0 };
    for (let run = 0; run < 200; run++) {
      const rng = new Rng(`race ${run}`);
      const base = scores(() => 3 * Math.exp(0.3 * gaussian(rng)));
      const better = noisy(base, 0.5, 0.03, rng);
      const worse = noisy(base, 0.5 * 1.004, 0.03, rng);
      const verdict = judge({
        ...input(base, { better, worse }),
        rules: { ...VERDICT_RULES, resamples: 400 },
        seed: `${run}`,
      });
      if (verdict.isTie) counts.tie++;
      else if (verdict.winnerAttemptId === "better") counts.right++;
      else counts.wrong++;
    }
    expect(counts.wrong).toBeLessThanOrEqual(10);
    expect(counts.right).toBeGreaterThan(20);
    expect(counts.tie).toBeGreaterThan(20);
  });
});

const failures: Entry["outcome"][] = [
  { kind: "training_failed", reason: { code: "OUT_OF_MEMORY", message: "too big", isCustomerError: false } },
  {
    kind: "evaluation_failed",
    reason: { code: "ARTIFACT_UNSAFE", message: "pickle", isCustomerError: false },
  },
  { kind: "scored", checks: sound, scores: err({ kind: "missing_rows", count: 1, firstRow: 4 }) },
];

function race(gains: Readonly<Record<string, number>>, rowSd = 0.05): VerdictInput {
  const rng = new Rng("race");
  const base = scores(() => 3 * Math.exp(0.3 * gaussian(rng)));
  return input(
    base,
    Object.fromEntries(Object.entries(gains).map(([id, gain]) => [id, noisy(base, 1 - gain, rowSd, rng)])),
  );
}

function input(base: AlignedScores, attempts: Readonly<Record<string, AlignedScores>>): VerdictInput {
  const entries = Object.entries(attempts).map(([attemptId, aligned], index): Entry => {
    return {
      attemptId,
      isDefault: attemptId === "plain",
      finishedAt: 1_000 + index,
      outcome: { kind: "scored", checks: sound, scores: ok(aligned) },
    };
  });
  return {
    heldoutRows,
    clusters: heldoutRows.map((_, index) => index),
    base,
    entries,
    rules: VERDICT_RULES,
    seed: "ab".repeat(32),
  };
}

function scores(loss: () => number): AlignedScores {
  const rng = new Rng("tokens");
  const tokens = Float64Array.from({ length: ROWS }, () => 5 + rng.int(40));
  return { tokens, nll: tokens.map((count) => count * loss()), exactMatches: 1, generatedRows: 4 };
}

function scaled(base: AlignedScores, factor: number): AlignedScores {
  return { ...base, nll: base.nll.map((nll) => nll * factor) };
}

function noisy(base: AlignedScores, factor: number, rowSd: number, rng: Rng): AlignedScores {
  return { ...base, nll: base.nll.map((nll) => nll * factor * (1 + rowSd * gaussian(rng))) };
}

function withChecks(whole: VerdictInput, attemptId: string, checks: ArtifactChecks): VerdictInput {
  return change(whole, attemptId, (outcome) =>
    outcome.kind === "scored" ? { ...outcome, checks } : outcome,
  );
}

function withScores(whole: VerdictInput, attemptId: string, aligned: AlignedScores): VerdictInput {
  return change(whole, attemptId, (outcome) =>
    outcome.kind === "scored" ? { ...outcome, scores: ok(aligned) } : outcome,
  );
}

function change(
  whole: VerdictInput,
  attemptId: string,
  fn: (outcome: Entry["outcome"]) => Entry["outcome"],
): VerdictInput {
  return {
    ...whole,
    entries: whole.entries.map((entry) =>
      entry.attemptId === attemptId ? { ...entry, outcome: fn(entry.outcome) } : entry,
    ),
  };
}

function scoresOf(whole: VerdictInput, attemptId: string): AlignedScores {
  const outcome = whole.entries.find((entry) => entry.attemptId === attemptId)?.outcome;
  if (outcome?.kind !== "scored" || !outcome.scores.ok) throw new Error(`${attemptId} has no scores`);
  return outcome.scores.value;
}

function ranks(ranking: readonly RankedEntry[]): Record<string, number> {
  return Object.fromEntries(ranking.map(({ attemptId, rank }) => [attemptId, rank]));
}

function lossOf(entry: RankedEntry): number {
  return entry.rank === 0 ? Number.POSITIVE_INFINITY : "loss" in entry ? entry.loss : 0;
}

function gaussian(rng: Rng): number {
  return Math.sqrt(-2 * Math.log(1 - rng.float())) * Math.cos(2 * Math.PI * rng.float());
}
