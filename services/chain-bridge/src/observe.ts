import type { Clock } from "@gradients/kernel";
import { type GaugesOptions, type Logger, meter } from "@gradients/runtime";
import type { ChainIdentity } from "./chain/chain.ts";
import { chainProblems, type ProblemReport } from "./domain/chain-problem.ts";
import type { SubmitOutcome } from "./domain/submission.ts";
import { readLastTimes } from "./store/last-times.ts";
import type { StoredReward } from "./store/rewards.ts";
import type { BridgeDatabase } from "./store/schema.ts";
import type { Submission } from "./store/submissions.ts";

const SCOPE = "chain-bridge";

/** Business facts: one function each, a figure and a log line together. */
export type Observe = ReturnType<typeof createObserve>;

export function createObserve(logger: Logger) {
  const figures = meter(SCOPE);
  const jobs = figures.createCounter("gradients.points.jobs", {
    unit: "{job}",
    description: "Verdicts that were turned into points.",
  });
  const submissions = figures.createCounter("gradients.weights.submissions", {
    unit: "{vector}",
    description: "Weight vectors by what became of them.",
  });
  const blocked = figures.createGauge("gradients.weights.blocked", {
    unit: "1",
    description: "1 while weights cannot be set, by reason; 0 once the reason is gone.",
  });
  const finalizedBlock = figures.createGauge("gradients.weights.block", {
    unit: "{block}",
    description: "Block of the newest finalized weights.",
  });
  const cursor = figures.createGauge("gradients.chain.cursor.block", {
    unit: "{block}",
    description: "Newest finalized block that is booked.",
  });
  const lag = figures.createGauge("gradients.chain.cursor.lag", {
    unit: "{block}",
    description: "Finalized blocks that are not booked yet.",
  });
  const rewards = figures.createCounter("gradients.rewards", {
    unit: "{reward}",
    description: "Rewards booked, by status.",
  });
  const credited = figures.createCounter("gradients.rewards.amount", {
    unit: "TAO",
    description: "TAO of the rewards booked, by status. For pictures: the ledger has the exact sums.",
  });
  const connections = figures.createCounter("gradients.chain.connections", {
    unit: "{connection}",
    description: "Connections to nodes that were made.",
  });
  let blockedBy = "";

  return {
    connected: (identity: ChainIdentity) => {
      connections.add(1);
      logger.info({ ...identity }, "connected to the chain");
    },
    pointsAwarded: (jobId: string, awards: number) => {
      jobs.add(1);
      logger.info({ job_id: jobId, awards }, "points awarded");
    },
    blockIngested: (block: number, behind: number) => {
      cursor.record(block);
      lag.record(behind);
    },
    rewardsBooked: (block: number, epoch: number, booked: readonly StoredReward[]) => {
      for (const { status, amountRao } of booked) {
        rewards.add(1, { status });
        credited.add(Number(amountRao) / 1e9, { status });
      }
      if (booked.length > 0) logger.info({ block, epoch, rewards: booked.length }, "rewards booked");
    },
    /** Once for each new reason, because it is found again at every head. */
    weightsBlocked: ({ code, detail }: ProblemReport) => {
      if (blockedBy !== code)
        logger.warn({ code, cure: chainProblems[code], detail }, "weights cannot be set");
      if (blockedBy && blockedBy !== code) blocked.record(0, { code: blockedBy });
      blocked.record(1, { code });
      blockedBy = code;
    },
    weightsUnblocked: () => {
      if (blockedBy) blocked.record(0, { code: blockedBy });
      blockedBy = "";
    },
    weightsIntended: (submissionId: string, extrinsicHash: string, entries: number) => {
      submissions.add(1, { outcome: "intended" });
      logger.info({ submission_id: submissionId, extrinsic_hash: extrinsicHash, entries }, "weights signed");
    },
    weightsSent: ({ submissionId }: Submission, attempt: number, outcome: SubmitOutcome) => {
      const fields = { submission_id: submissionId, attempt, outcome: outcome.kind };
      if (outcome.kind === "accepted") logger.info(fields, "weights sent");
      else
        logger.warn(
          { ...fields, ...(outcome.kind === "refused" ? outcome.problem : { detail: outcome.detail }) },
          "weights not sent",
        );
    },
    weightsFinalized: ({ submissionId }: Submission, block: number) => {
      submissions.add(1, { outcome: "finalized" });
      finalizedBlock.record(block);
      logger.info({ submission_id: submissionId, block }, "weights finalized");
    },
    weightsFailed: ({ submissionId }: Submission, { code, detail }: ProblemReport) => {
      submissions.add(1, { outcome: code });
      logger.warn({ submission_id: submissionId, code, cure: chainProblems[code], detail }, "weights failed");
    },
    unregisteredContestants: (hotkeys: readonly string[]) => {
      if (hotkeys.length > 0)
        logger.warn({ hotkeys }, "contestants with points hold no uid, their share is burned");
    },
  };
}

interface ChainGauges {
  readonly db: BridgeDatabase;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** How long ago the chain last moved and took our weights; from the start of this process where it never did. */
export function chainGauges({ db, logger, clock }: ChainGauges): GaugesOptions {
  const startedAt = clock.now();
  const weightsAge = meter(SCOPE).createObservableGauge("gradients.weights.age", {
    unit: "s",
    description: "Time since weights were last finalized.",
  });
  const headAge = meter(SCOPE).createObservableGauge("gradients.chain.finalized.age", {
    unit: "s",
    description: "Time since a finalized block was last booked.",
  });
  const since = (time: Date | null, now: Date) => (now.getTime() - (time ?? startedAt).getTime()) / 1000;
  return {
    scope: SCOPE,
    logger,
    gauges: [weightsAge, headAge],
    read: async (result) => {
      const { now, weights, block } = await readLastTimes(db);
      result.observe(weightsAge, since(weights, now));
      result.observe(headAge, since(block, now));
    },
  };
}
