import type { ObjectRef } from "@gradients/contracts/common";
import type { Clock } from "@gradients/kernel";
import type { ObjectStore } from "@gradients/objects";
import type { JobView } from "../domain/job.ts";
import { Refused } from "../domain/refusal.ts";
import { jobName } from "../domain/resource-names.ts";

export interface JobResultDeps {
  readonly objects: ObjectStore;
  readonly clock: Clock;
  readonly downloadSeconds: number;
}

export interface Download {
  readonly fileName: string;
  readonly url: string;
  readonly size: bigint;
  readonly sha256: string;
}

export interface JobResult {
  readonly attemptId: string;
  readonly files: readonly Download[];
  readonly evidence: Download | undefined;
  readonly heldout: Download | undefined;
  readonly expiresAt: Date;
}

/** Download links of an attempt's artifact, the winner's when none is named. Throws Refused while there is no verdict. */
export const jobResult =
  ({ objects, clock, downloadSeconds }: JobResultDeps) =>
  async ({ job, attempts }: JobView, wantedAttempt: string): Promise<JobResult> => {
    const name = jobName(job.projectId, job.jobId);
    if (!job.verdict) throw new Refused({ code: "job_not_succeeded", name, state: job.state });
    const attemptId = wantedAttempt || job.verdict.winnerAttemptId;
    const attempt = attempts.find((candidate) => candidate.attemptId === attemptId);
    const isWinner = attemptId === job.verdict.winnerAttemptId;
    if (!attempt && !isWinner)
      throw new Refused({ code: "not_found", resource: "Attempt", name: `attempt ${attemptId} of ${name}` });
    const ofVerdict = isWinner ? job.verdict.winnerArtifact : []; // the verdict may be here before the news of the attempt
    const artifact = attempt?.artifact.length ? attempt.artifact : ofVerdict;
    if (artifact.length === 0) throw new Refused({ code: "attempt_without_artifact", attemptId });
    const expiresAt = new Date(clock.now().getTime() + downloadSeconds * 1_000);
    const presign = (fileName: string, object: ObjectRef) =>
      download(objects, fileName, object, downloadSeconds);
    const files = artifact.flatMap(({ name: fileName, object }) =>
      object ? [presign(fileName, object)] : [],
    );
    return {
      attemptId,
      files: await Promise.all(files),
      evidence: job.verdict.evidence && (await presign("evidence.json", job.verdict.evidence)),
      heldout: job.verdict.heldout && (await presign("heldout.jsonl", job.verdict.heldout)),
      expiresAt,
    };
  };

async function download(
  objects: ObjectStore,
  fileName: string,
  { key, size, sha256 }: ObjectRef,
  expiresSeconds: number,
): Promise<Download> {
  const url = await objects.presignGet(key, { expiresSeconds, filename: fileName });
  return { fileName, url, size, sha256 };
}
