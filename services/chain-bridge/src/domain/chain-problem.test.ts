import { describe, expect, it } from "vitest";
import { describeProblem, isUndecided, problemOfDispatchError, problemOfPoolError } from "./chain-problem.ts";

describe("problemOfPoolError", () => {
  it.each([
    ["1010: Invalid Transaction: Custom error: 1", "STAKE_TOO_LOW"],
    ['1010: {"invalid":{"custom":1}}', "STAKE_TOO_LOW"],
    ["1010: Invalid Transaction: Custom error: 6", "RATE_LIMITED"],
    ["1010: Invalid Transaction: Custom error: 18", "VECTOR_REFUSED"],
    ["1010: Invalid Transaction: Custom error: 19", "HOTKEY_NOT_REGISTERED"],
    ["1010: Invalid Transaction: Custom error: 21", "COLDKEY_SWAP"],
    ["1010: Invalid Transaction: Custom error: 255", "UNKNOWN"],
    ["1010: Invalid Transaction: Transaction is outdated", "NONCE_STALE"],
    ["1010: Invalid Transaction: Transaction will be valid in the future", "NONCE_FUTURE"],
    ["1010: Invalid Transaction: Transaction has a bad signature", "BAD_PROOF"],
    ["1010: Invalid Transaction: Inability to pay some fees (e.g. account balance too low)", "FEE_UNPAYABLE"],
    ["1010: Invalid Transaction: Transaction would exhaust the block limits", "BLOCK_FULL"],
    ["1014: Priority is too low: (0 vs 0)", "POOL_CONFLICT"],
    ["something new", "UNKNOWN"],
  ])("reads %s as %s", (message, code) => {
    expect(problemOfPoolError(message)).toEqual({ code, detail: message });
  });

  it("calls undecided what may already be in the pool or in a block", () => {
    expect(isUndecided(problemOfPoolError("1013: Transaction Already Imported: 0x12"))).toBe(true);
    expect(isUndecided(problemOfPoolError("1010: Invalid Transaction: Transaction is outdated"))).toBe(true);
    expect(isUndecided(problemOfPoolError("1012: Transaction is temporarily banned"))).toBe(true);
    expect(isUndecided(problemOfPoolError("1010: Invalid Transaction: Custom error: 6"))).toBe(false);
  });
});

it("names dispatch errors and says what to do", () => {
  const problem = problemOfDispatchError("NeuronNoValidatorPermit");
  expect(problem.code).toBe("NO_VALIDATOR_PERMIT");
  expect(describeProblem(problem)).toMatch(/^NO_VALIDATOR_PERMIT: .*add stake.*\(NeuronNoValidatorPermit\)$/);
  expect(problemOfDispatchError("SomethingNew").code).toBe("UNKNOWN");
});
