import type { ProblemReport } from "./chain-problem.ts";
import { blocksAfterFailures } from "./submission.ts";
import { sameWeights, type Weight } from "./weights.ts";

export interface Neuron {
  readonly uid: number;
  readonly hotkey: string;
  readonly validatorPermit: boolean;
  /** Block of its last weights; 0 when it never set any. */
  readonly lastUpdate: number;
}

/** The subnet at one block. */
export interface Subnet {
  readonly block: number;
  readonly blockHash: string;
  /** Chain time of the block. */
  readonly time: Date;
  readonly tempo: number;
  readonly epoch: number;
  readonly lastEpochBlock: number;
  readonly nextEpochBlock: number;
  readonly commitRevealEnabled: boolean;
  readonly weightsRateLimit: number;
  readonly weightsVersionKey: bigint;
  readonly minAllowedWeights: number;
  readonly ownerHotkey: string;
  readonly neurons: readonly Neuron[];
}

export interface PlanInput {
  readonly subnet: Subnet;
  readonly hotkey: string;
  readonly versionKey: bigint;
  /** What our row of Weights holds at that block. */
  readonly onChain: readonly Weight[];
  readonly desired: readonly Weight[];
  readonly failures: { readonly count: number; readonly lastBlock: number };
}

export type Plan =
  | { readonly kind: "blocked"; readonly problem: ProblemReport }
  | { readonly kind: "unchanged" }
  | { readonly kind: "wait"; readonly untilBlock: number }
  | { readonly kind: "submit" };

/**
 * What to do about the weights now. They are sent when the desired vector is not the one on the chain, and once in each epoch even when it is, so
 * that the validator stays active; never sooner than the rate limit allows or than a failure asks to wait.
 */
export function planWeights(input: PlanInput): Plan {
  const { subnet, desired, onChain, failures } = input;
  const problem = obstacle(input);
  if (problem) return { kind: "blocked", problem };
  const lastUpdate = subnet.neurons.find(({ hotkey }) => hotkey === input.hotkey)?.lastUpdate ?? 0;
  const setThisEpoch = lastUpdate > 0 && lastUpdate >= subnet.lastEpochBlock;
  if (setThisEpoch && sameWeights(desired, onChain)) return { kind: "unchanged" };
  const afterRateLimit = lastUpdate === 0 ? 0 : lastUpdate + subnet.weightsRateLimit;
  const afterFailure = failures.lastBlock + blocksAfterFailures(failures.count, subnet.tempo);
  const untilBlock = Math.max(afterRateLimit, afterFailure);
  // What is sent now is in the next block at the earliest.
  return subnet.block + 1 < untilBlock ? { kind: "wait", untilBlock } : { kind: "submit" };
}

/** Why the chain would refuse weights from this hotkey whatever the vector; undefined when nothing is in the way. */
export function subnetObstacle({
  subnet,
  hotkey,
  versionKey,
}: Pick<PlanInput, "subnet" | "hotkey" | "versionKey">): ProblemReport | undefined {
  const neuron = subnet.neurons.find((candidate) => candidate.hotkey === hotkey);
  if (subnet.commitRevealEnabled) return { code: "COMMIT_REVEAL_ENABLED", detail: "" };
  if (!neuron) return { code: "HOTKEY_NOT_REGISTERED", detail: hotkey };
  if (!neuron.validatorPermit && hotkey !== subnet.ownerHotkey)
    return { code: "NO_VALIDATOR_PERMIT", detail: `uid ${neuron.uid}` };
  if (subnet.weightsVersionKey > versionKey) {
    return { code: "WEIGHT_VERSION_KEY", detail: `${subnet.weightsVersionKey} asked, ${versionKey} here` };
  }
  return undefined;
}

function obstacle(input: PlanInput): ProblemReport | undefined {
  const { subnet, desired, hotkey } = input;
  const self = subnet.neurons.find((candidate) => candidate.hotkey === hotkey)?.uid;
  const minimum = Math.min(subnet.minAllowedWeights, subnet.neurons.length);
  const onlySelf = desired.length === 1 && desired[0]?.uid === self;
  const tooFew = desired.length < minimum && !onlySelf;
  const detail = `${desired.length} of at least ${minimum} entries`;
  return subnetObstacle(input) ?? (tooFew ? { code: "MIN_ALLOWED_WEIGHTS", detail } : undefined);
}
