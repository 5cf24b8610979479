import { expect, test } from "vitest";
import { createStarts } from "./starts.ts";

const pod = { name: "p", attemptId: "a", epoch: 0, hardwareClass: "c", phase: { kind: "running" } } as const;

test("a pod that was started after a list was asked for is known beside it, and to a later list no more", async () => {
  const starts = createStarts();
  const before = performance.now();
  await starts.during("p", async () => pod);
  expect(starts.since(before)).toEqual([pod]);
  await new Promise((resolve) => setTimeout(resolve, 2));
  expect(starts.since(performance.now())).toEqual([]);
  expect(starts.since(before)).toEqual([]);
});

test("a start that failed goes on no more and has started nothing", async () => {
  const starts = createStarts();
  const release = Promise.withResolvers<typeof pod>();
  const start = starts.during("p", () => release.promise);
  expect(starts.isGoingOn("p")).toBe(true);
  release.reject(new Error("refused"));
  await expect(start).rejects.toThrow("refused");
  expect(starts.isGoingOn("p")).toBe(false);
  expect(starts.since(0)).toEqual([]);
});
