import { create } from "@bufbuild/protobuf";
import { JobScoredSchema } from "@gradients/contracts/event";
import { expect, test } from "vitest";
import type { JobView, Payment } from "./job.ts";
import { addPayment, isNewest, paidHotkeys } from "./payments.ts";

const payment = (contestantHotkey: string, amountRao: bigint, blockNumber: bigint): Payment => ({
  contestantHotkey,
  amountRao,
  epoch: blockNumber / 100n,
  blockNumber,
});

test("however often a hotkey is paid, it has one total with its last epoch and block", () => {
  const payments = Array.from({ length: 50 }, (_, index) =>
    payment(index % 2 === 0 ? "one" : "other", 2n, BigInt(index) * 100n),
  );
  expect(payments.reduce(addPayment, [] as readonly Payment[])).toEqual([
    { contestantHotkey: "one", amountRao: 50n, epoch: 48n, blockNumber: 4_800n },
    { contestantHotkey: "other", amountRao: 50n, epoch: 49n, blockNumber: 4_900n },
  ]);
});

test("a payment that the totals may have already is not newest", () => {
  const totals = [payment("one", 5n, 100n)];
  expect(isNewest(totals, payment("one", 1n, 101n))).toBe(true);
  expect(isNewest(totals, payment("one", 1n, 100n))).toBe(false);
  expect(isNewest(totals, payment("other", 1n, 50n))).toBe(true);
});

test("only ranked contestants are paid for a job, each once", () => {
  const ranking = [
    { contestantHotkey: "first", rank: 1 },
    { contestantHotkey: "first", rank: 2 },
    { contestantHotkey: "disqualified", rank: 0 },
  ];
  const view = (verdict: JobView["job"]["verdict"]) => ({ job: { verdict } }) as JobView;
  expect(paidHotkeys(view(create(JobScoredSchema, { ranking })))).toEqual(["first"]);
  expect(paidHotkeys(view(undefined))).toEqual([]);
});
