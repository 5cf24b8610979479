import { expect, test } from "vitest";
import { reliabilityDocument } from "./reliability-document.ts";
import { readDocument, readProofs, readResults } from "./results.ts";
import { upperBound } from "./upper-bound.ts";

test("the document says what the results say", async () => {
  expect(await readDocument()).toBe(reliabilityDocument(await readResults(), await readProofs()));
});

test.each([
  [0, 20, 0.15],
  [0, 1000, 0.003],
  [1, 100, 0.0474],
  [3, 100, 0.0775],
])("%i failures in %i tries bound the rate by %f", (failures, tries, bound) => {
  expect(upperBound(failures, tries)).toBeCloseTo(bound, 3);
});
