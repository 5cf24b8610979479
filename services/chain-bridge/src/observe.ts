import { type Logger, meter } from "@gradients/runtime";
import type { ChainIdentity } from "./chain/chain.ts";
import { chainProblems, type ProblemReport } from "./domain/chain-problem.ts";
import type { SubmitOutcome } from "./domain/submission.ts";
import type { StoredReward } from "./store/rewards.ts";
import type { Submission } from "./store/submissions.ts";

/** Business facts: one function each, a figure and a log line together. */
export type Observe = ReturnType<typeof createObserve>;

export function createObserve(logger: Logger) {
  const figures = meter("gradients.chain-bridge");
  const jobs = figures.createCounter("chain_bridge.points.jobs", {
    description: "Verdicts that were turned into points.",
  });
  const submissions = figures.createCounter("chain_bridge.weights.submissions", {
    description: "Weight vectors by what became of them.",
  });
  const finalizedBlock = figures.createGauge("chain_bridge.weights.block", {
    description: "Block of the newest finalized weights.",
  });
  const cursor = figures.createGauge("chain_bridge.cursor.block", {
    description: "Newest finalized block that is booked.",
  });
  const lag = figures.createGauge("chain_bridge.cursor.lag", {
    description: "Finalized blocks that are not booked yet.",
  });
  const rewards = figures.createCounter("chain_bridge.rewards", {
    description: "Rewards booked, by status.",
  });
  const connections = figures.createCounter("chain_bridge.connections", {
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
      for (const { status } of booked) rewards.add(1, { status });
      if (booked.length > 0) logger.info({ block, epoch, rewards: booked.length }, "rewards booked");
    },
    /** Once for each new reason, because it is found again at every head. */
    weightsBlocked: ({ code, detail }: ProblemReport) => {
      if (blockedBy !== code)
        logger.warn({ code, cure: chainProblems[code], detail }, "weights cannot be set");
      blockedBy = code;
    },
    weightsUnblocked: () => {
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
