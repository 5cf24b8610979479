import { expect, test } from "vitest";
import { type JobFact, type JobState, jobAfter, jobTransitions } from "./job-machine.ts";

const states = Object.keys(jobTransitions) as JobState[];
const facts: readonly JobFact[] = ["started", "race_over", "ended"];

test("a job can end in every state but the last, and then nothing moves it", () => {
  expect(states.filter((state) => jobAfter(state, "ended") !== "closed")).toEqual(["closed"]);
  expect(facts.map((fact) => jobAfter("closed", fact))).toEqual([undefined, undefined, undefined]);
});

test("a race starts once and is over once", () => {
  expect(states.filter((state) => jobAfter(state, "started"))).toEqual(["waiting"]);
  expect(states.filter((state) => jobAfter(state, "race_over"))).toEqual(["racing"]);
});
