import { expect, test } from "vitest";
import { commandOfEnd, type EndCause, isExcuse, isFinalEnd } from "./pod-facts.ts";

const end = (cause: EndCause, message = "") => ({ cause, exitCode: 1, message });

test.each([
  ["out_of_memory", "OUT_OF_MEMORY"],
  ["disk_full", "DISK_FULL"],
  ["deadline", "DEADLINE_EXCEEDED"],
  ["image_not_found", "IMAGE_NOT_FOUND"],
] as const)("%s is the work's own fault and final", (cause, code) => {
  expect(commandOfEnd(end(cause), 2)).toMatchObject({ type: "fail", epoch: 2, failure: { code } });
  expect(isFinalEnd(end(cause))).toBe(true);
});

test.each(["evicted", "preempted", "node_lost", "deleted", "not_placed", "outdated"] as const)(
  "%s is the platform's fault: placed again and not counted",
  (cause) => {
    expect(commandOfEnd(end(cause, "node-7"), 2)).toMatchObject({
      type: "interrupt",
      epoch: 2,
      because: /node-7/,
    });
    expect(isFinalEnd(end(cause))).toBe(false);
  },
);

test.each(["exited", "never_started", "own_image_late", "unknown"] as const)(
  "%s is tried again a few times",
  (cause) => {
    expect(commandOfEnd(end(cause), 2)).toMatchObject({ type: "lose", epoch: 2 });
  },
);

test("what the platform did excuses a loss that was counted before; what may be our own doing, or the work's, does not", () => {
  const causes = [
    "evicted",
    "preempted",
    "node_lost",
    "not_placed",
    "deleted",
    "exited",
    "own_image_late",
  ] as const;
  expect(causes.filter((cause) => isExcuse(end(cause)))).toEqual(causes.slice(0, 4));
});
