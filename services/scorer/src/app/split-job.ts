import { createReadStream, createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { appendOutbox } from "@gradients/bus";
import type { StoredObject } from "@gradients/contracts/stored-object";
import { MAX_DATASET_ROWS } from "@gradients/dataset";
import { failpoint } from "@gradients/kernel";
import type { ObjectRef, ObjectStore } from "@gradients/objects";
import type { Deps } from "../deps.ts";
import type { CommittedSplit, Job } from "../domain/job.ts";
import { jobAfter } from "../domain/job-machine.ts";
import { splitCommitted } from "../events/published.ts";
import { findJob, lockJob, saveJobState } from "../store/jobs.ts";
import { insertSplit } from "../store/splits.ts";
import { finishTask, type Task } from "../store/tasks.ts";
import { runInWorker } from "../tasks/run-in-worker.ts";
import { failJob } from "./end-job.ts";
import { makeSplitFolder } from "./work-folder.ts";
import type { SplitInput, SplitOutput } from "./write-split.ts";

/**
 * Splits a job's data set. Salt and data set are fixed, so a second run after a crash writes the same objects; only the run that still holds the task's lease
 * commits.
 */
export async function splitJob(deps: Deps, task: Task, signal: AbortSignal): Promise<void> {
  const job = await findJob(deps.db, task.jobId);
  if (!job) throw new Error(`There is no job ${task.jobId}`);
  const folder = await makeSplitFolder(deps.workFolder);
  try {
    const input = splitInput(folder, job, deps);
    await download(deps.objects, job.order.dataset.object, input.datasetPath, signal);
    failpoint("scorer.dataset-downloaded");
    const output = await runInWorker<SplitOutput>(
      new URL("./split.worker.ts", import.meta.url),
      input,
      signal,
    );
    failpoint("scorer.split-written");
    if (output.kind === "refused") return await refuse(deps, task, output);
    await commit(deps, task, await uploadSides(deps, job, input, output, signal));
    failpoint("scorer.split-committed");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function splitInput(folder: string, { order, salt }: Job, { rules }: Deps): SplitInput {
  const { format, columns } = order.dataset;
  return {
    datasetPath: join(folder, "dataset"),
    dataset: { format, columns },
    salt,
    policy: rules.split,
    maxRows: MAX_DATASET_ROWS,
    spoolPath: join(folder, "usable.jsonl"),
    trainPath: join(folder, "train.jsonl"),
    heldoutPath: join(folder, "heldout.jsonl"),
  };
}

async function download(
  objects: ObjectStore,
  { key, size, sha256 }: StoredObject,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const content = objects.get({ key, size: BigInt(size), sha256 }, signal);
  await pipeline(content, createWriteStream(path), { signal });
}

async function uploadSides(
  { objects, rules }: Deps,
  { jobId }: Job,
  { trainPath, heldoutPath }: SplitInput,
  { kind: _kind, ...written }: Extract<SplitOutput, { kind: "written" }>,
  signal: AbortSignal,
): Promise<CommittedSplit> {
  const options = { signal, contentType: "application/jsonl" };
  const train = await objects.put(`jobs/${jobId}/split/train.jsonl`, createReadStream(trainPath), options);
  failpoint("scorer.train-uploaded");
  const heldout = await objects.put(
    `private/jobs/${jobId}/heldout.jsonl`,
    createReadStream(heldoutPath),
    options,
  );
  failpoint("scorer.split-uploaded");
  return { ...written, train: toStored(train), heldout: toStored(heldout), policy: rules.split };
}

async function commit(deps: Deps, task: Task, split: CommittedSplit): Promise<void> {
  await deps.db.tx(async (tx) => {
    const job = await lockJob(tx, task.jobId);
    await finishTask(tx, task);
    const next = job && jobAfter(job.state, "split_committed");
    if (!next) return;
    await saveJobState(tx, task.jobId, next);
    await insertSplit(tx, task.jobId, split);
    await appendOutbox(tx, splitCommitted(task.jobId, split));
    deps.observe.splitCommitted(task.jobId, split);
  });
}

async function refuse(
  deps: Deps,
  task: Task,
  { reason }: Extract<SplitOutput, { kind: "refused" }>,
): Promise<void> {
  await deps.db.tx(async (tx) => {
    const job = await lockJob(tx, task.jobId);
    await finishTask(tx, task);
    if (job) await failJob(tx, deps, job, reason);
  });
}

function toStored({ key, size, sha256 }: ObjectRef): StoredObject {
  return { key, size: Number(size), sha256 };
}
