import { rao } from "@gradients/kernel";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ledgerEntriesOf, rewardsOf } from "./rewards.ts";

const owner = { hotkey: "owner", coldkey: "cold owner" };
const payee = (uid: number, hotkey: string, coldkey: string, autoStakeHotkey?: string) => ({
  uid,
  hotkey,
  coldkey,
  autoStakeHotkey,
});
const payees = [
  payee(0, "owner", "cold owner"),
  payee(1, "second", "cold owner"),
  payee(2, "alice", "cold alice"),
  payee(3, "bob", "cold bob", "alice"),
];

describe("rewardsOf", () => {
  it("pays miners, withholds from every hotkey of the subnet's owner, and follows auto-stake", () => {
    const rewards = rewardsOf({ mecid: 0, amounts: [5n, 6n, 7n, 8n].map(rao) }, payees, owner);
    expect(
      rewards.map(({ hotkey, destinationHotkey, amountRao, status }) => [
        hotkey,
        destinationHotkey,
        amountRao,
        status,
      ]),
    ).toEqual([
      ["owner", "owner", 5n, "withheld"],
      ["second", "second", 6n, "withheld"],
      ["alice", "alice", 7n, "paid"],
      ["bob", "alice", 8n, "paid"],
    ]);
  });

  it("gives no reward for nothing", () => {
    expect(rewardsOf({ mecid: 0, amounts: [0n, 0n, 7n].map(rao) }, payees, owner)).toHaveLength(1);
  });

  it("has ledger entries that sum to zero and account for the whole emission", () => {
    const amounts = fc.array(fc.bigInt({ min: 0n, max: 2n ** 62n }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(amounts, (list) => {
        const rewards = rewardsOf({ mecid: 0, amounts: list.map(rao) }, payees, owner);
        const entries = rewards.flatMap((reward) => ledgerEntriesOf(reward, 56));
        const sum = (of: typeof entries) => of.reduce((total, { amountRao }) => total + amountRao, 0n);
        expect(sum(entries)).toBe(0n);
        expect(sum(entries.filter(({ account }) => account === "emission:56"))).toBe(
          -list.reduce((total, amount) => total + amount, 0n),
        );
      }),
    );
  });
});
