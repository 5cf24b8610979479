import { describe, expect, it } from "vitest";
import { type PlanInput, planWeights, type Subnet } from "./plan-weights.ts";

const SELF = "validator";

const subnet: Subnet = {
  block: 150,
  blockHash: "0x01",
  time: new Date(0),
  tempo: 100,
  epoch: 1,
  lastEpochBlock: 100,
  nextEpochBlock: 200,
  commitRevealEnabled: false,
  weightsRateLimit: 20,
  weightsVersionKey: 0n,
  minAllowedWeights: 1,
  ownerHotkey: "owner",
  neurons: [
    { uid: 0, hotkey: "owner", validatorPermit: false, lastUpdate: 0 },
    { uid: 1, hotkey: SELF, validatorPermit: true, lastUpdate: 120 },
    { uid: 2, hotkey: "alice", validatorPermit: false, lastUpdate: 0 },
  ],
};

const base: PlanInput = {
  subnet,
  hotkey: SELF,
  versionKey: 1n,
  onChain: [{ uid: 2, weight: 65_535 }],
  desired: [{ uid: 2, weight: 65_535 }],
  failures: { count: 0, lastBlock: 0 },
};

function lastSetAt(lastUpdate: number, overrides: Partial<Subnet> = {}): Subnet {
  const neurons = subnet.neurons.map((neuron) =>
    neuron.hotkey === SELF ? { ...neuron, lastUpdate } : neuron,
  );
  return { ...subnet, ...overrides, neurons };
}

const other = [{ uid: 0, weight: 65_535 }];

describe("planWeights", () => {
  it("leaves the vector alone that was set in this epoch", () => {
    expect(planWeights(base)).toEqual({ kind: "unchanged" });
  });

  it("sends a changed vector at once", () => {
    expect(planWeights({ ...base, desired: other })).toEqual({ kind: "submit" });
  });

  it("sends the same vector again in the next epoch, and the first one ever", () => {
    expect(planWeights({ ...base, subnet: lastSetAt(99) })).toEqual({ kind: "submit" });
    expect(planWeights({ ...base, subnet: lastSetAt(0, { lastEpochBlock: 0, block: 1 }) })).toEqual({
      kind: "submit",
    });
  });

  it("waits for the rate limit to the very block", () => {
    const changed = { ...base, desired: other };
    expect(planWeights({ ...changed, subnet: lastSetAt(132) })).toEqual({ kind: "wait", untilBlock: 152 });
    expect(planWeights({ ...changed, subnet: lastSetAt(131) })).toEqual({ kind: "submit" });
  });

  it("waits longer after each failure in a row, up to an epoch", () => {
    const after = (count: number) =>
      planWeights({ ...base, desired: other, failures: { count, lastBlock: 150 } });
    expect(after(1)).toEqual({ kind: "submit" });
    expect(after(3)).toEqual({ kind: "wait", untilBlock: 154 });
    expect(after(30)).toEqual({ kind: "wait", untilBlock: 250 });
  });

  it.each([
    { what: { commitRevealEnabled: true }, code: "COMMIT_REVEAL_ENABLED" },
    { what: { neurons: subnet.neurons.slice(0, 1) }, code: "HOTKEY_NOT_REGISTERED" },
    {
      what: { neurons: subnet.neurons.map((neuron) => ({ ...neuron, validatorPermit: false })) },
      code: "NO_VALIDATOR_PERMIT",
    },
    { what: { weightsVersionKey: 2n }, code: "WEIGHT_VERSION_KEY" },
    { what: { minAllowedWeights: 2 }, code: "MIN_ALLOWED_WEIGHTS" },
  ])("is blocked with $code before it signs anything", ({ what, code }) => {
    expect(planWeights({ ...base, desired: other, subnet: { ...subnet, ...what } })).toMatchObject({
      kind: "blocked",
      problem: { code },
    });
  });

  it("knows that the owner needs no permit and that a single self-weight is never too short", () => {
    expect(planWeights({ ...base, hotkey: "owner" })).toEqual({ kind: "submit" });
    const self = [{ uid: 1, weight: 65_535 }];
    expect(planWeights({ ...base, desired: self, subnet: { ...subnet, minAllowedWeights: 3 } })).toEqual({
      kind: "submit",
    });
  });
});
