import { describe, expect, test } from "vitest";
import { checkHistory } from "./check-history.ts";

type Line = readonly [process: string, op: string, type: string, key: string, value?: unknown];

const good: readonly Line[] = [
  ["a", "create job", "invoke", "r1"],
  ["a", "create job", "info", "r1", "UNAVAILABLE"],
  ["faults", "kill -9", "invoke", "gateway"],
  ["a", "create job", "invoke", "r1"],
  ["a", "create job", "invoke", "r1"],
  ["a", "create job", "ok", "r1", "jobs/1"],
  ["a", "create job", "ok", "r1", "jobs/1"],
  ["b", "create job", "invoke", "r2"],
  ["b", "create job", "ok", "r2", "jobs/2"],
  ["b", "create job", "invoke", "r3"],
  ["b", "create job", "info", "r3", "UNAVAILABLE"],
  ["a", "watch", "invoke", "jobs/1", { after: 0 }],
  ["a", "watch", "ok", "jobs/1", { offset: 1, state: "ACCEPTED" }],
  ["a", "watch", "ok", "jobs/1", { offset: 2, state: "RACING" }],
  ["a", "watch", "info", "jobs/1", "UNAVAILABLE"],
  ["a", "watch", "invoke", "jobs/1", { after: 1 }],
  ["a", "watch", "ok", "jobs/1", { offset: 2, state: "RACING" }],
  ["a", "watch", "ok", "jobs/1", { offset: 3, state: "SUCCEEDED", winner: "x" }],
  ["a", "see the end", "ok", "jobs/1", "SUCCEEDED"],
  ["b", "cancel job", "invoke", "jobs/2"],
  ["b", "see job", "ok", "jobs/2", { state: "CANCELLED" }],
  ["b", "see the end", "ok", "jobs/2", "SUCCEEDED"],
];

function toText(lines: readonly Line[]): string {
  return lines
    .map(([process, op, type, key, value], at) =>
      JSON.stringify({ process, op, type, key, value, time: String(at + 10) }),
    )
    .map((line) => `${line}\n`)
    .join("");
}

function problemsOf(lines: readonly Line[]) {
  return checkHistory(toText(lines)).problems;
}

/** The good history with one line replaced by others. */
function forged(at: number, ...lines: readonly Line[]): readonly Line[] {
  return good.toSpliced(at, 1, ...lines);
}

const lineAt = (at: number): Line => good[at] as Line; // only called within the list

describe("a history without fault", () => {
  test("has no problems and is counted", () => {
    expect(checkHistory(toText(good))).toEqual({
      entries: good.length,
      accepted: 2,
      unknown: 1,
      ended: 2,
      problems: [],
    });
  });

  test("may end in a line that its writer did not finish", () => {
    expect(checkHistory(`${toText(good)}{"process":"a","op`).problems).toEqual([]);
  });
});

describe("a forged history is found out", () => {
  test.each<[string, readonly Line[], string]>([
    ["an accepted job is never heard of again", good.toSpliced(21, 1).toSpliced(20, 1), "no loss"],
    [
      "a repeated creation gives another job",
      forged(6, ["a", "create job", "ok", "r1", "jobs/9"], ["a", "see the end", "ok", "jobs/9", "FAILED"]),
      "idempotent",
    ],
    ["two requests are given one job", forged(8, ["b", "create job", "ok", "r2", "jobs/1"]), "idempotent"],
    ["an answer comes to nobody's question", forged(3), "well formed"],
    ["a creation is answered with nothing", forged(6, ["a", "create job", "ok", "r1", ""]), "well formed"],
    [
      "a watch skips an entry",
      forged(13, ["a", "watch", "ok", "jobs/1", { offset: 3, state: "RACING" }]),
      "offsets",
    ],
    ["a watch repeats an entry", forged(13, lineAt(13), lineAt(13)), "offsets"],
    [
      "a watch goes back",
      forged(17, ["a", "watch", "ok", "jobs/1", { offset: 1, state: "ACCEPTED" }]),
      "offsets",
    ],
    [
      "a watch goes on behind an entry that it was not given",
      forged(15, ["a", "watch", "invoke", "jobs/1", { after: 3 }]),
      "offsets",
    ],
    [
      "the log has changed since it was read",
      forged(16, ["a", "watch", "ok", "jobs/1", { offset: 2, state: "QUEUED" }]),
      "offsets",
    ],
    [
      "a job goes back",
      forged(17, lineAt(17), ["a", "watch", "ok", "jobs/1", { offset: 4, state: "RACING" }]),
      "legality",
    ],
    [
      "a job is in no known state",
      forged(13, ["a", "watch", "ok", "jobs/1", { offset: 2, state: "LOST" }]),
      "legality",
    ],
    [
      "an end is taken back",
      forged(18, lineAt(18), ["a", "see job", "ok", "jobs/1", { state: "EVALUATING" }]),
      "legality",
    ],
    [
      "one saw it fail, another succeed",
      forged(18, lineAt(18), ["c", "see the end", "ok", "jobs/1", "FAILED"]),
      "one verdict",
    ],
    [
      "two winners are told",
      forged(18, lineAt(18), ["c", "see job", "ok", "jobs/1", { state: "SUCCEEDED", winner: "y" }]),
      "one verdict",
    ],
  ])("%s", (_what, lines, property) => {
    expect(problemsOf(lines).map((found) => found.property)).toContain(property);
  });

  test("its time runs backwards", () => {
    const lines = toText(good).replace('"time":"15"', '"time":"9"');
    expect(checkHistory(lines).problems.map(({ property }) => property)).toEqual(["order"]);
  });

  test("a broken line in the middle is no history", () => {
    expect(() => checkHistory(`nonsense\n${toText(good)}`)).toThrow("Line 1");
  });
});
