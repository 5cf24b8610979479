import { describe, expect, it } from "vitest";
import { VERDICT_RULES } from "../domain/ranks.ts";
import { measureVerdicts } from "./measure-verdicts.ts";

/** Quick: few resamples and races. `node src/verdict-figures.ts` gives the figures; the seed is fixed, so the bounds cannot flicker. */
const options = { races: 200, rules: { ...VERDICT_RULES, resamples: 200 }, seed: "quick" };

describe("verdicts on races whose truth is known", () => {
  it("name a wrong sole winner in at most 5 % of races, where the lowest mean loss is wrong in a third", () => {
    for (const rows of [30, 120]) {
      const figures = measureVerdicts({ rows, contestants: 2, gap: 0.03 }, options);
      expect(figures.wrongWinners).toBeLessThanOrEqual(0.05);
      expect(figures.wrongByMean).toBeGreaterThan(0.25);
    }
  });

  it("hardly ever do so among many, however small the gap", () => {
    expect(
      measureVerdicts({ rows: 60, contestants: 6, gap: 0.003 }, options).wrongWinners,
    ).toBeLessThanOrEqual(0.02);
  });

  it("name neither of two equals, but in 5 % of races", () => {
    const figures = (confidence: number) =>
      measureVerdicts(
        { rows: 100, contestants: 2, gap: 0 },
        { ...options, rules: { ...options.rules, confidence } },
      );
    expect(figures(VERDICT_RULES.confidence).wrongWinners).toBeLessThanOrEqual(0.05);
    expect(figures(0.95).wrongWinners).toBeGreaterThan(0.08);
  });

  it("find the best when the gap is wide and the rows are many, and call a tie when there is none to find", () => {
    const wide = measureVerdicts({ rows: 400, contestants: 2, gap: 0.1 }, { ...options, races: 60 });
    expect(wide.power).toBeGreaterThan(0.7);
    const none = measureVerdicts({ rows: 60, contestants: 4, gap: 0 }, options);
    expect(none.ties).toBeGreaterThan(0.95);
  });

  it("give 95 % intervals that hold the truth, also on thirty rows, which without widening they do not", () => {
    const shape = { rows: 30, contestants: 4, gap: 0.03 };
    const coverage = (widened: boolean) =>
      measureVerdicts(shape, { ...options, rules: { ...options.rules, widened } }).coverage;
    expect(coverage(true)).toBeGreaterThan(0.93);
    expect(coverage(false)).toBeLessThan(0.91);
  });
});
