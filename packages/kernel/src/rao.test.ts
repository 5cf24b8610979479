import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatTao, parseTao, rao } from "./rao.ts";
import { err, ok } from "./result.ts";

describe("Rao", () => {
  test("formatTao and parseTao are inverse for every amount", () => {
    fc.assert(
      fc.property(fc.bigInt(), (amount) => {
        expect(parseTao(formatTao(rao(amount)))).toEqual(ok(amount));
      }),
    );
  });

  test.each([
    [0n, "0.000000000"],
    [1n, "0.000000001"],
    [1_234_567_891n, "1.234567891"],
    [-1n, "-0.000000001"],
    [21_000_000n * 10n ** 9n, "21000000.000000000"],
  ])("%s RAO are %s TAO", (amount, text) => {
    expect(formatTao(rao(amount))).toBe(text);
  });

  test("parseTao reads short forms", () => {
    expect(parseTao("1")).toEqual(ok(1_000_000_000n));
    expect(parseTao("0.5")).toEqual(ok(500_000_000n));
  });

  test.each(["", ".", "1.", ".5", "1e9", "1,5", " 1", "0x10", "+1", "--1", "NaN"])(
    "parseTao refuses %j",
    (text) => {
      expect(parseTao(text)).toEqual(err("not_a_decimal_number"));
    },
  );

  test("parseTao refuses what it would have to round", () => {
    expect(parseTao("0.0000000001")).toEqual(err("more_than_nine_decimals"));
  });
});
