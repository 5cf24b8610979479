import { type Logger, meter, workSeconds } from "@gradients/runtime";
import type { CommittedSplit } from "./domain/job.ts";
import type { Reason } from "./domain/reason.ts";
import type { Verdict } from "./domain/verdict.ts";
import type { Task } from "./store/tasks.ts";

/** Business facts: one function each, a figure and a log line together. */
export type Observe = ReturnType<typeof createObserve>;

export function createObserve(logger: Logger) {
  const figures = meter("scorer");
  const jobs = figures.createCounter("gradients.scorer.jobs", {
    unit: "{job}",
    description: "Jobs by how they ended in the scorer.",
  });
  const splits = figures.createCounter("gradients.splits", {
    unit: "{dataset}",
    description: "Data sets that were split.",
  });
  const evaluations = figures.createCounter("gradients.evaluations", {
    unit: "{evaluation}",
    description: "Evaluations by their step.",
  });
  const disqualified = figures.createCounter("gradients.artifacts.disqualified", {
    unit: "{artifact}",
    description: "Artifacts that did not count, by reason.",
  });
  const gain = figures.createHistogram("gradients.verdict.gain", {
    unit: "1",
    description:
      "Gain of the winner over the base model: the difference of their mean losses on the held-out rows.",
    advice: { explicitBucketBoundaries: [0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5] },
  });
  const taskSeconds = figures.createHistogram("gradients.scorer.task.duration", {
    unit: "s",
    description: "Time of a task, by kind and outcome.",
    advice: { explicitBucketBoundaries: workSeconds },
  });

  return {
    jobAccepted: (jobId: string, deadline: Date) =>
      logger.info({ job_id: jobId, deadline }, "job accepted for scoring"),
    splitCommitted: (jobId: string, split: CommittedSplit) => {
      splits.add(1);
      const { trainRows, heldoutRows, droppedRows, commitment } = split;
      const fields = {
        train_rows: trainRows,
        heldout_rows: heldoutRows.length,
        dropped_rows: droppedRows,
        commitment,
      };
      logger.info({ job_id: jobId, ...fields }, "split committed");
    },
    evaluationsRequested: (jobId: string, count: number) => {
      evaluations.add(count, { step: "requested" });
      logger.info({ job_id: jobId, evaluations: count }, "evaluations requested");
    },
    evaluationIn: (jobId: string, evaluationId: string, step: "finished" | "failed", open: number) => {
      evaluations.add(1, { step });
      logger.info({ job_id: jobId, evaluation_id: evaluationId, step, open }, "evaluation in");
    },
    jobScored: (jobId: string, verdict: Verdict) => {
      jobs.add(1, { outcome: "scored", tie: verdict.isTie });
      for (const entry of verdict.ranking)
        if ("reason" in entry) disqualified.add(1, { code: entry.reason.code });
        else if (entry.attemptId === verdict.winnerAttemptId) gain.record(entry.gainOverBase.value);
      const { winnerAttemptId, isTie, baseLoss } = verdict;
      logger.info({ job_id: jobId, winner: winnerAttemptId, tie: isTie, base_loss: baseLoss }, "job scored");
    },
    jobFailed: (jobId: string, { code, message }: Reason) => {
      jobs.add(1, { outcome: "failed", code });
      logger.warn({ job_id: jobId, code, reason: message }, "job failed");
    },
    jobCancelled: (jobId: string) => {
      jobs.add(1, { outcome: "cancelled" });
      logger.info({ job_id: jobId }, "job cancelled");
    },
    taskDone: ({ kind, jobId, tries }: Task, seconds: number) => {
      taskSeconds.record(seconds, { kind, outcome: "done" });
      logger.debug({ job_id: jobId, kind, tries, seconds }, "task done");
    },
    taskLost: ({ kind, jobId }: Task) =>
      logger.info({ job_id: jobId, kind }, "task taken over or job over, work dropped"),
    taskFailed: (
      { kind, jobId, tries }: Task,
      seconds: number,
      err: unknown,
      retrySeconds: number | undefined,
    ) => {
      taskSeconds.record(seconds, { kind, outcome: "failed" });
      const level = retrySeconds === undefined ? "error" : "warn";
      logger[level]({ job_id: jobId, kind, tries, retry_seconds: retrySeconds, err }, "task failed");
    },
    taskNotSettled: ({ kind, jobId }: Task, err: unknown) =>
      logger.error({ job_id: jobId, kind, err }, "could not note how a task went"),
    claimFailed: (err: unknown) => logger.error({ err }, "could not claim tasks, trying again"),
  };
}
