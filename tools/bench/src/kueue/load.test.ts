import { expect, test } from "vitest";
import { type Generator, rulesOf, seriesOf } from "./load.ts";

const set = (className: string, count: number, priority: number, request: number) => ({
  count,
  creationIntervalMs: 100,
  workloads: [{ className, runtimeMs: 200, priority, request }],
});
const generator: Generator = {
  cohorts: [
    {
      className: "cohort",
      count: 2,
      queuesSets: [
        {
          className: "cq",
          count: 3,
          nominalQuota: 20,
          borrowingLimit: 100,
          workloadsSets: [set("small", 7, 50, 1), set("large", 1, 200, 20)],
        },
      ],
    },
  ],
};

test("each queue of each cohort makes each class of run", () => {
  const series = seriesOf(generator);
  expect(series).toHaveLength(2 * 3 * 2);
  expect(series.reduce((sum, { count }) => sum + count, 0)).toBe(2 * 3 * 8);
  expect(series[0]).toMatchObject({ accountId: "cohort-0-cq-0-small", hardwareClass: "cohort-0-small" });
});

test("a cohort's quotas are one pool, and runs keep their priority", () => {
  const { pools, accounts } = rulesOf(generator);
  expect(pools).toEqual({
    "cohort-0": { units: 60, classes: { "cohort-0-small": 1, "cohort-0-large": 20 } },
    "cohort-1": { units: 60, classes: { "cohort-1-small": 1, "cohort-1-large": 20 } },
  });
  expect(accounts["cohort-1-cq-2-large"]).toEqual({ priority: 200 });
});

test("a queue that may not borrow all of its cohort is refused, as no account stands for it", () => {
  const [cohort] = generator.cohorts;
  const narrow = {
    cohorts: [{ ...cohort, queuesSets: cohort?.queuesSets.map((one) => ({ ...one, borrowingLimit: 10 })) }],
  };
  expect(() => rulesOf(narrow as Generator)).toThrow(/may not borrow/);
});
