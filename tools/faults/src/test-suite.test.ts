import { expect, test } from "vitest";
import { failedTests, promisesOf } from "./test-suite.ts";

const passed = { fullName: "holds", status: "passed", failureMessages: [] };
const failed = { fullName: "breaks", status: "failed", failureMessages: ["why"] };

function report(...testResults: readonly object[]): string {
  return JSON.stringify({ testResults });
}

test("a test that fails, and a file that cannot be loaded, are broken promises", () => {
  const file = { name: "a.test.ts", message: "" };
  expect(failedTests(report({ ...file, status: "passed", assertionResults: [passed] }))).toEqual([]);
  expect(failedTests(report({ ...file, status: "failed", assertionResults: [passed, failed] }))).toEqual([
    { promise: "breaks", detail: "why" },
  ]);
  expect(
    failedTests(report({ ...file, message: "no such module", status: "failed", assertionResults: [] })),
  ).toEqual([{ promise: "a.test.ts", detail: "no such module" }]);
});

test("tries of one promise are summed, a failed test counts as tried and broken", () => {
  const figures = [
    { promise: "one", tries: 3, failures: 0 },
    { promise: "one", tries: 2, failures: 1 },
  ];
  expect(promisesOf(figures, [{ promise: "breaks", detail: "why" }])).toEqual([
    { promise: "one", tries: 5, failures: 1 },
    { promise: "breaks", tries: 1, failures: 1 },
  ]);
});
