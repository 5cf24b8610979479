import { stripVTControlCharacters } from "node:util";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Attempt_State, Job_State, JobSchema } from "@gradients/contracts/gateway";
import { expect, test } from "vitest";
import { raceLines } from "./race-view.ts";

test("what contestants wait for is told with them, and what can be done once for all of them", () => {
  const since = timestampFromDate(new Date());
  const waiting = { message: "No machine has room.", advice: "It starts by itself.", since };
  const attempt = (attemptId: string) => ({
    attemptId,
    recipeTitle: `Recipe ${attemptId}`,
    state: Attempt_State.QUEUED,
    waiting,
  });
  const job = create(JobSchema, { state: Job_State.QUEUED, attempts: [attempt("a"), attempt("b")] });
  const lines = raceLines({ job, progress: new Map(), evaluations: new Map() });
  expect(lines.map((line) => stripVTControlCharacters(line))).toEqual([
    expect.stringMatching(/Recipe a .* waiting since \d\d:\d\d:\d\d: No machine has room\./),
    expect.stringMatching(/Recipe b .* waiting since \d\d:\d\d:\d\d: No machine has room\./),
    expect.stringContaining("It starts by itself."),
  ]);
});
