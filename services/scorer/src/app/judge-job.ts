import { appendOutbox } from "@gradients/bus";
import { encodeEvent } from "@gradients/contracts/catalogue";
import { JobScoredSchema } from "@gradients/contracts/event";
import { failpoint } from "@gradients/kernel";
import type { ObjectRef } from "@gradients/objects";
import type { Deps } from "../deps.ts";
import { canonicalJson } from "../domain/canonical-json.ts";
import type { EvidenceBundle } from "../domain/evidence.ts";
import { baseNotEvaluated, noValidArtifact } from "../domain/failures.ts";
import type { Job } from "../domain/job.ts";
import { jobAfter } from "../domain/job-machine.ts";
import type { Reason } from "../domain/reason.ts";
import type { Verdict } from "../domain/verdict.ts";
import { jobScored } from "../events/published.ts";
import { findJob, lockJob, saveJobState } from "../store/jobs.ts";
import { dropTasks, finishTask, type Task } from "../store/tasks.ts";
import { insertVerdict } from "../store/verdicts.ts";
import { runInWorker } from "../tasks/run-in-worker.ts";
import { failJob } from "./end-job.ts";
import { type Gathered, gatherEvidence } from "./gather-evidence.ts";
import { toJobScored } from "./to-job-scored.ts";

/** Gives the verdict of a job whose evaluations are all in, and writes the evidence bundle. Running it again gives the same bundle, byte for byte. */
export async function judgeJob(deps: Deps, task: Task, signal: AbortSignal): Promise<void> {
  const job = await findJob(deps.db, task.jobId);
  if (!job) throw new Error(`There is no job ${task.jobId}`);
  const gathered = await gatherEvidence(deps, job, signal);
  failpoint("scorer.evidence-gathered");
  if (gathered.kind === "no_base") return refuse(deps, task, baseNotEvaluated(gathered.reason));
  const verdict = await runInWorker<Verdict>(
    new URL("./judge.worker.ts", import.meta.url),
    gathered.evidence,
    signal,
  );
  failpoint("scorer.judged");
  if (verdict.winnerAttemptId === undefined)
    return refuse(deps, task, noValidArtifact(reasonsOf(verdict, gathered)));
  const bundle: EvidenceBundle = { ...gathered.evidence, verdict };
  const evidence = await deps.objects.put(
    `jobs/${job.jobId}/evidence.json`,
    Buffer.from(canonicalJson(bundle)),
    {
      contentType: "application/json",
      signal,
    },
  );
  failpoint("scorer.evidence-written");
  await commit(deps, task, job, verdict, gathered, evidence);
  failpoint("scorer.verdict-committed");
}

async function commit(
  deps: Deps,
  task: Task,
  { jobId, salt }: Job,
  verdict: Verdict,
  gathered: Extract<Gathered, { kind: "complete" }>,
  evidence: ObjectRef,
): Promise<void> {
  await deps.db.tx(async (tx) => {
    const job = await lockJob(tx, jobId);
    await finishTask(tx, task);
    const next = job && jobAfter(job.state, "judged");
    if (!next) return;
    const message = toJobScored({ jobId, salt, verdict, gathered, evidence, scoredAt: tx.now });
    await saveJobState(tx, jobId, next);
    await insertVerdict(tx, jobId, encodeEvent(JobScoredSchema, message));
    await appendOutbox(tx, jobScored(message));
    await dropTasks(tx, jobId);
    deps.observe.jobScored(jobId, verdict);
  });
}

async function refuse(deps: Deps, task: Task, reason: Reason): Promise<void> {
  await deps.db.tx(async (tx) => {
    const job = await lockJob(tx, task.jobId);
    await finishTask(tx, task);
    if (job) await failJob(tx, deps, job, reason);
  });
}

function reasonsOf({ ranking }: Verdict, { entries }: Extract<Gathered, { kind: "complete" }>) {
  return ranking.flatMap((entry) => {
    const title =
      entries.find(({ attemptId }) => attemptId === entry.attemptId)?.recipeTitle ?? entry.attemptId;
    return "reason" in entry ? [{ title, reason: entry.reason }] : [];
  });
}
