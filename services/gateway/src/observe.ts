import type { DatasetId, JobId } from "@gradients/kernel";
import { type Logger, meter, workSeconds } from "@gradients/runtime";
import { parseChildName } from "./domain/resource-names.ts";

/** Business facts of the gateway: each is counted and logged in one place. */
export interface GatewayObserver {
  datasetUploaded(datasetId: DatasetId, bytes: bigint): void;
  uploadNotDiscarded(datasetId: DatasetId, error: unknown): void;
  datasetChecked(seconds: number): void;
  datasetCheckFailed(datasetId: DatasetId, tries: number, error: unknown): void;
  jobAccepted(job: string): void;
  jobCancelled(job: string): void;
  jobEnded(jobId: JobId, outcome: "scored" | "failed", seconds: number, code: string): void;
  factOfUnknownJob(jobId: JobId, type: string): void;
}

export function createObserver(logger: Logger): GatewayObserver {
  const figures = meter("gradients.gateway");
  const uploads = figures.createCounter("gradients.dataset.uploads", {
    unit: "{dataset}",
    description: "Data sets that arrived whole.",
  });
  const uploadedBytes = figures.createCounter("gradients.dataset.bytes", {
    unit: "By",
    description: "Bytes of the data sets that arrived whole.",
  });
  const checks = figures.createHistogram("gradients.dataset.check.duration", {
    unit: "s",
    description: "Time of a data set's check.",
    advice: { explicitBucketBoundaries: workSeconds },
  });
  const failedChecks = figures.createCounter("gradients.dataset.check.failures", {
    unit: "{check}",
    description: "Checks that a fault of ours ended.",
  });
  const jobs = figures.createCounter("gradients.jobs", {
    unit: "{job}",
    description: "Jobs by what became of them: accepted, scored, failed or cancelled.",
  });
  const jobFailures = figures.createCounter("gradients.job.failures", {
    unit: "{job}",
    description: "Failed jobs by code.",
  });
  const jobSeconds = figures.createHistogram("gradients.job.duration", {
    unit: "s",
    description: "From accepting a job to its end, by outcome.",
    advice: { explicitBucketBoundaries: workSeconds },
  });
  const strays = figures.createCounter("gradients.facts.stray", {
    unit: "{event}",
    description: "Events about jobs that are not known here.",
  });
  // A counter that is not there before its first step hides that step from Prometheus.
  failedChecks.add(0);
  for (const outcome of ["accepted", "scored", "failed", "cancelled"]) jobs.add(0, { outcome });
  return {
    datasetUploaded: (datasetId, bytes) => {
      uploads.add(1);
      uploadedBytes.add(Number(bytes));
      logger.info({ dataset_id: datasetId, bytes: Number(bytes) }, "data set uploaded");
    },
    uploadNotDiscarded: (datasetId, err) => {
      logger.warn({ dataset_id: datasetId, err }, "what a failed upload left is not removed yet");
    },
    datasetChecked: (seconds) => {
      checks.record(seconds);
      logger.info({ seconds }, "data set checked");
    },
    datasetCheckFailed: (datasetId, tries, err) => {
      failedChecks.add(1);
      logger.error({ dataset_id: datasetId, tries, err }, "data set check failed");
    },
    jobAccepted: (job) => {
      jobs.add(1, { outcome: "accepted" });
      logger.info({ job, job_id: jobIdOf(job) }, "job accepted");
    },
    jobCancelled: (job) => {
      jobs.add(1, { outcome: "cancelled" });
      logger.info({ job, job_id: jobIdOf(job) }, "job cancelled");
    },
    jobEnded: (jobId, outcome, seconds, code) => {
      jobs.add(1, { outcome });
      if (outcome === "failed") jobFailures.add(1, { code });
      jobSeconds.record(seconds, { outcome });
      logger.info({ job_id: jobId, outcome, code, seconds }, "job ended");
    },
    factOfUnknownJob: (jobId, type) => {
      strays.add(1, { type });
      logger.warn({ job_id: jobId, type }, "event about an unknown job");
    },
  };
}

/** The other services know a job by its id alone. */
function jobIdOf(job: string): string | undefined {
  return parseChildName<JobId>("jobs", job)?.id;
}
