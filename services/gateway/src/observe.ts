import type { DatasetId, JobId } from "@gradients/kernel";
import { type Logger, meter } from "@gradients/runtime";
import { parseChildName } from "./domain/resource-names.ts";

/** Business facts of the gateway: each is counted and logged in one place. */
export interface GatewayObserver {
  datasetUploaded(datasetId: DatasetId, bytes: bigint): void;
  uploadNotDiscarded(datasetId: DatasetId, error: unknown): void;
  datasetChecked(seconds: number): void;
  datasetCheckFailed(datasetId: DatasetId, tries: number, error: unknown): void;
  jobAccepted(job: string): void;
  jobCancelled(job: string): void;
  factOfUnknownJob(jobId: JobId, type: string): void;
}

export function createObserver(logger: Logger): GatewayObserver {
  const figures = meter("gradients.gateway");
  const uploads = figures.createCounter("gateway.dataset.uploads", {
    description: "Data sets that arrived whole.",
  });
  const uploadedBytes = figures.createCounter("gateway.dataset.bytes", {
    unit: "By",
    description: "Bytes of those data sets.",
  });
  const checks = figures.createHistogram("gateway.dataset.check.duration", {
    unit: "s",
    description: "Time of a data set's check.",
  });
  const failedChecks = figures.createCounter("gateway.dataset.check.failures", {
    description: "Checks that a fault of ours ended.",
  });
  const jobs = figures.createCounter("gateway.jobs", { description: "Jobs by what was done with them." });
  const strays = figures.createCounter("gateway.facts.stray", {
    description: "Events about jobs that are not known here.",
  });
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
