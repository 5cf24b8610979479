import type { Rng } from "@gradients/kernel";
import type { JobAwards } from "../../../../services/chain-bridge/src/domain/award-points.ts";
import {
  type IncludedExtrinsic,
  judgeSubmission,
} from "../../../../services/chain-bridge/src/domain/judge-submission.ts";
import { planWeights, type Subnet } from "../../../../services/chain-bridge/src/domain/plan-weights.ts";
import {
  factOfOutcome,
  nextState,
  type SubmissionFact,
  type SubmissionState,
  type SubmitOutcome,
} from "../../../../services/chain-bridge/src/domain/submission.ts";
import {
  sameWeights,
  type Weight,
  weightVector,
} from "../../../../services/chain-bridge/src/domain/weights.ts";
import { Broken } from "../model/broken.ts";

export type ChainFault = "success at submission" | "failure at any refusal";

const BLOCK_MS = 12_000;
const TEMPO = 100;
const ERA_BLOCKS = 16;
const RESEND_BLOCKS = 4;
const FINALITY_BLOCKS = 3;
const VALIDATOR = "validator";
const OWNER = "owner";

/** A chain that includes, drops, delays and refuses at random, and the bridge's own decisions about the weights that go there. */
export class SimulatedChain {
  nextBlockMs = BLOCK_MS;
  readonly counts = { submissions: 0, finalized: 0 };
  readonly #rng: Rng;
  readonly #fault: ChainFault | undefined;
  readonly #points = new Map<string, bigint>();
  #unallocated = 0n;
  readonly #uids = new Map([
    [OWNER, 0],
    [VALIDATOR, 1],
  ]);
  readonly #failed = new Set<string>();
  readonly #blocks: Block[] = [{ included: [], weights: [], lastUpdate: 0 }];
  #pool: Submission[] = [];
  #open: Submission | undefined;
  #failures = { count: 0, lastBlock: 0 };
  #finalizedAt = 0;

  constructor(rng: Rng, fault: ChainFault | undefined) {
    this.#rng = rng;
    this.#fault = fault;
  }

  /** The verdict's points, which weights are made of from now on. */
  credit({ awards, unallocatedMicroPoints }: JobAwards): void {
    this.#unallocated += unallocatedMicroPoints;
    for (const { hotkey, microPoints } of awards) {
      if (!this.#uids.has(hotkey)) this.#uids.set(hotkey, this.#uids.size);
      this.#points.set(hotkey, (this.#points.get(hotkey) ?? 0n) + microPoints);
    }
  }

  /** One more block, one more finalized, and what the bridge makes of it. Returns what happened. */
  produceBlock(): string {
    this.nextBlockMs += BLOCK_MS;
    this.#blocks.push(this.#fillBlock());
    this.#judge(this.#head - FINALITY_BLOCKS);
    const done = this.#open ? this.#resend(this.#open) : this.#plan();
    if (this.#head - this.#finalizedAt > 3 * TEMPO)
      throw new Broken("termination: no weights for three epochs");
    return `block ${this.#head}: ${done}`;
  }

  get #head(): number {
    return this.#blocks.length - 1;
  }

  #fillBlock(): Block {
    const last = this.#blocks.at(-1) as Block; // there is always the first
    const number = this.#blocks.length;
    const [included, waiting]: [Submission[], Submission[]] = [[], []];
    for (const one of this.#pool) {
      const luck = this.#rng.float();
      if (number > one.lastValidBlock || luck < 0.05) continue;
      (luck < 0.6 ? included : waiting).push(one);
    }
    this.#pool = waiting;
    let block: Block = { ...last, included: [] };
    for (const one of included) block = include(block, one, number, this.#rng.float() < 0.05);
    return block;
  }

  #judge(number: number): void {
    const [block, open] = [this.#blocks[number], this.#open];
    if (block?.included.some(({ hash, weightsSet }) => weightsSet.length > 0 && this.#failed.has(hash)))
      throw new Broken("finality: weights count as failed that a finalized block has set");
    if (!block || !open) return;
    const evidence = {
      blockNumber: number,
      extrinsics: block.included,
      readBack: block.weights,
    };
    const judgement = judgeSubmission(
      { ...open, extrinsicHash: open.hash, mecid: 0, validatorUid: 1 },
      evidence,
    );
    if (judgement) this.#learn(open, judgement.fact);
  }

  #plan(): string {
    const block = this.#blocks[this.#head] as Block;
    const vector = weightVector({
      points: [...this.#points].map(([hotkey, microPoints]) => ({ hotkey, microPoints })),
      unallocatedMicroPoints: this.#unallocated,
      uids: this.#uids,
      ownerUid: 0,
    });
    if (!vector.ok) throw new Broken("weights: nobody to put weight on");
    const desired = vector.value.weights;
    if (Math.max(...desired.map(({ weight }) => weight)) !== 65_535)
      throw new Broken("weights: none is the largest");
    const plan = planWeights({
      subnet: this.#subnet(block),
      hotkey: VALIDATOR,
      versionKey: 0n,
      onChain: block.weights,
      desired,
      failures: this.#failures,
    });
    if (plan.kind !== "submit") return plan.kind;
    const hash = `0x${++this.counts.submissions}`;
    this.#open = {
      hash,
      weights: desired,
      state: "intended",
      lastValidBlock: this.#head + ERA_BLOCKS,
      attempts: 0,
      lastAttempt: this.#head,
    };
    return this.#rng.float() < 0.05 ? "dies before it sends" : this.#send(this.#open);
  }

  #resend(open: Submission): string {
    if (this.#head - open.lastAttempt < RESEND_BLOCKS || this.#head >= open.lastValidBlock) return "waits";
    return this.#send(open);
  }

  #send(open: Submission): string {
    open.attempts++;
    open.lastAttempt = this.#head;
    const outcome = this.#submit(open);
    const isFirst = this.#fault === "failure at any refusal" ? 1 : open.attempts;
    const fact = factOfOutcome(outcome, isFirst);
    if (fact)
      this.#learn(open, this.#fault === "success at submission" && fact === "accepted" ? "set" : fact);
    return `sends ${open.hash}, ${outcome.kind}`;
  }

  /** The node's answer, which may be lost on its way whatever it was. */
  #submit(open: Submission): SubmitOutcome {
    const isKnown =
      this.#pool.includes(open) ||
      this.#blocks.some(({ included }) => included.some(({ hash }) => hash === open.hash));
    const isTaken = !isKnown && this.#rng.float() < 0.9;
    if (isTaken) this.#pool.push(open);
    if (this.#rng.float() < 0.15) return { kind: "unknown", detail: "" };
    return isTaken
      ? { kind: "accepted" }
      : { kind: "refused", problem: { code: "STAKE_TOO_LOW", detail: "" } };
  }

  #learn(open: Submission, fact: SubmissionFact): void {
    const state = nextState(open.state, fact);
    if (!state) return;
    open.state = state;
    if (state === "intended" || state === "submitted") return;
    this.#checkEnd(open, this.#blocks.slice(0, Math.max(0, this.#head - FINALITY_BLOCKS) + 1));
    this.#failures =
      state === "failed"
        ? { count: this.#failures.count + 1, lastBlock: this.#head }
        : { count: 0, lastBlock: 0 };
    if (state === "finalized") {
      this.counts.finalized++;
      this.#finalizedAt = this.#head;
    }
    this.#open = undefined;
  }

  /** What the bridge believes is so in the finalized blocks, and what it gave up can come no more. */
  #checkEnd({ hash, state, weights }: Submission, finalized: readonly Block[]): void {
    const holders = finalized.filter(({ included }) => included.some((one) => one.hash === hash));
    const isSet = holders.some(
      (block) =>
        sameWeights(block.weights, weights) &&
        block.included.some((one) => one.hash === hash && one.weightsSet.length > 0),
    );
    if (holders.length > 1) throw new Broken("double effect: one extrinsic in two blocks");
    if (state === "finalized" && !isSet)
      throw new Broken("finality: weights count as set that no finalized block holds");
    if (state === "failed") this.#failed.add(hash);
  }

  #subnet({ lastUpdate }: Block): Subnet {
    const lastEpochBlock = this.#head - (this.#head % TEMPO);
    const neurons = [...this.#uids].map(([hotkey, uid]) => ({
      uid,
      hotkey,
      validatorPermit: hotkey === VALIDATOR,
      lastUpdate: hotkey === VALIDATOR ? lastUpdate : 0,
    }));
    return {
      block: this.#head,
      blockHash: String(this.#head),
      time: new Date(this.nextBlockMs),
      tempo: TEMPO,
      epoch: Math.floor(this.#head / TEMPO),
      lastEpochBlock,
      nextEpochBlock: lastEpochBlock + TEMPO,
      commitRevealEnabled: false,
      weightsRateLimit: 20,
      weightsVersionKey: 0n,
      minAllowedWeights: 1,
      ownerHotkey: OWNER,
      neurons,
    };
  }
}

interface Block {
  readonly included: readonly IncludedExtrinsic[];
  readonly weights: readonly Weight[];
  readonly lastUpdate: number;
}

interface Submission {
  readonly hash: string;
  readonly weights: readonly Weight[];
  readonly lastValidBlock: number;
  state: SubmissionState;
  attempts: number;
  lastAttempt: number;
}

function include(block: Block, { hash, weights }: Submission, number: number, fails: boolean): Block {
  const extrinsic = {
    hash,
    dispatchError: fails ? "SettingWeightsTooFast" : undefined,
    weightsSet: fails ? [] : [{ mecid: 0, uid: 1 }],
  };
  const included = [...block.included, extrinsic];
  return fails ? { ...block, included } : { included, weights, lastUpdate: number };
}
