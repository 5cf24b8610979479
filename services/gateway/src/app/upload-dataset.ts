import { create } from "@bufbuild/protobuf";
import { ObjectRefSchema } from "@gradients/contracts/common";
import { type Dataset as DatasetMessage, DatasetSchema } from "@gradients/contracts/gateway";
import { type DatasetFormat, detectFormat, type Mapping } from "@gradients/dataset";
import { type AccountId, type DatasetId, failpoint, type ModelId, newId } from "@gradients/kernel";
import { DigestMismatch, type ObjectRef, type ObjectStore } from "@gradients/objects";
import type { Dataset } from "../domain/dataset.ts";
import { invalid, Refused } from "../domain/refusal.ts";
import { datasetName, modelName, parseModelName } from "../domain/resource-names.ts";
import type { GatewayObserver } from "../observe.ts";
import { findAnsweredRequest } from "../store/answered-requests.ts";
import type { GatewayDatabase } from "../store/database.ts";
import { insertDatasetCheck } from "../store/dataset-checks.ts";
import { insertDataset } from "../store/datasets.ts";
import { findFirstModel, findModel, listModels, type Model } from "../store/models.ts";
import { deleteUpload, expireUpload, insertUpload, takeUpload } from "../store/uploads.ts";
import { encodeDataset } from "../wire/dataset.ts";
import { answerOnce, digestBody, type RepeatableRequest, sameAnswer } from "./answer-once.ts";
import { digestOf, guardContent, peek } from "./upload-content.ts";

/** For noting what came in within the time. A note that comes later still is refused. */
const LAST_STEPS_SECONDS = 15;

export interface UploadDeps {
  readonly db: GatewayDatabase;
  readonly objects: ObjectStore;
  readonly observe: Pick<GatewayObserver, "datasetUploaded" | "uploadNotDiscarded">;
  readonly limits: { readonly maxBytes: number; readonly timeoutSeconds: number };
}

export interface UploadDataset {
  readonly projectId: AccountId;
  readonly fileName: string;
  /** 0 when unknown. */
  readonly size: bigint;
  /** Lower-case hexadecimal, "" when unknown. */
  readonly sha256: string;
  readonly chosenMapping: Mapping | undefined;
  /** Name of the model whose tokenizer counts; "" for the first one. */
  readonly model: string;
  readonly attribution: string;
  /** Its body digest covers the header. */
  readonly request: RepeatableRequest;
  /** Whether a repeated request must bring the same content to get the same answer. */
  readonly isContentCompared: boolean;
}

/** Models named in an error. */
const MAX_NAMED = 20;

/** Streams a file into the object store and has it checked. Whatever goes wrong on the way, nothing of it is left. Throws Refused. */
export const uploadDataset =
  (deps: UploadDeps) =>
  async (
    command: UploadDataset,
    content: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<DatasetMessage> => {
    const { limits } = deps;
    const until = AbortSignal.any([signal, AbortSignal.timeout(limits.timeoutSeconds * 1_000)]);
    const guarded = guardContent(content, { size: command.size, maxBytes: BigInt(limits.maxBytes) });
    try {
      return (
        (await repeatedAnswer(deps, command, guarded, until)) ??
        (await storeNew(deps, command, guarded, until))
      );
    } finally {
      void guarded.return(undefined); // lets go of what was not read; not awaited, since the sender may have stalled
    }
  };

/** The answer that was given to the same request before; undefined for a new one. A repeated content is compared, not stored again. */
async function repeatedAnswer(
  deps: UploadDeps,
  command: UploadDataset,
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
) {
  const { request, isContentCompared } = command;
  const earlier = request.requestId === "" ? undefined : await findAnsweredRequest(deps.db.q, request);
  if (!earlier) return undefined;
  const complete = isContentCompared ? withContent(request, await digestOf(content, signal)) : request;
  return sameAnswer(complete, earlier, DatasetSchema);
}

async function storeNew(
  deps: UploadDeps,
  command: UploadDataset,
  guarded: AsyncGenerator<Uint8Array>,
  signal: AbortSignal,
): Promise<DatasetMessage> {
  const model = await countingModel(deps, command.model);
  const { head, content } = await peek(guarded);
  const format = detectFormat(command.fileName, head);
  if (!format) throw invalid(unknownFormat(command.fileName));
  return store(deps, { command, modelId: model.modelId, format, content }, signal);
}

interface Storing {
  readonly command: UploadDataset;
  readonly modelId: ModelId;
  readonly format: DatasetFormat;
  readonly content: AsyncIterable<Uint8Array>;
}

async function store(deps: UploadDeps, storing: Storing, signal: AbortSignal): Promise<DatasetMessage> {
  const datasetId = newId<DatasetId>();
  const key = keyOf(datasetId);
  await insertUpload(deps.db.q, datasetId, deps.limits.timeoutSeconds + LAST_STEPS_SECONDS);
  failpoint("gateway.upload-noted");
  try {
    const object = await put(deps.objects, key, storing, signal);
    failpoint("gateway.upload-stored");
    const answer = await commit(deps, datasetId, object, storing);
    failpoint("gateway.upload-committed");
    const isNew = answer.name === datasetName(storing.command.projectId, datasetId);
    if (isNew) deps.observe.datasetUploaded(datasetId, object.size);
    return answer;
  } finally {
    await discardUnlessKept(deps, datasetId);
  }
}

/** What cannot be removed now is left to the sweeper. */
async function discardUnlessKept(deps: UploadDeps, datasetId: DatasetId): Promise<void> {
  try {
    await discardUpload(deps, datasetId);
  } catch (error) {
    deps.observe.uploadNotDiscarded(datasetId, error);
  }
}

/**
 * Removes what an upload may have left, unless it has become a data set: then its row is gone, by the same commit. A commit whose answer was lost is
 * waited for, because it holds the row.
 */
export async function discardUpload(
  { db, objects }: Pick<UploadDeps, "db" | "objects">,
  datasetId: DatasetId,
): Promise<void> {
  if (!(await expireUpload(db.q, datasetId))) return;
  await objects.abortMultiparts(keyOf(datasetId));
  await objects.delete(keyOf(datasetId));
  failpoint("gateway.upload-object-deleted");
  await deleteUpload(db.q, datasetId);
}

function keyOf(datasetId: DatasetId): string {
  return `datasets/${datasetId}/original`;
}

async function put(
  objects: ObjectStore,
  key: string,
  { command, content }: Storing,
  signal: AbortSignal,
): Promise<ObjectRef> {
  try {
    return await objects.put(key, content, { signal, ...(command.sha256 && { sha256: command.sha256 }) });
  } catch (error) {
    if (signal.aborted && signal.reason instanceof DOMException && signal.reason.name === "TimeoutError")
      throw new Refused({ code: "upload_expired" });
    if (!(error instanceof DigestMismatch)) throw error;
    throw new Refused({
      code: "upload_digest_mismatch",
      declared: command.sha256,
      found: error.found.sha256,
    });
  }
}

function commit(
  { db }: UploadDeps,
  datasetId: DatasetId,
  object: ObjectRef,
  { command, modelId, format }: Storing,
): Promise<DatasetMessage> {
  const request = command.isContentCompared ? withContent(command.request, object.sha256) : command.request;
  return db.tx((tx) =>
    answerOnce(tx, request, DatasetSchema, async () => {
      if (!(await takeUpload(tx, datasetId))) throw new Refused({ code: "upload_expired" });
      const dataset: Dataset = {
        datasetId,
        projectId: command.projectId,
        fileName: command.fileName,
        format,
        state: "checking",
        object: create(ObjectRefSchema, object),
        chosenMapping: command.chosenMapping,
        modelId,
        report: undefined,
        attribution: command.attribution,
        createdAt: tx.now,
      };
      await insertDataset(tx, dataset);
      await insertDatasetCheck(tx, datasetId);
      return encodeDataset(dataset);
    }),
  );
}

async function countingModel({ db }: UploadDeps, name: string): Promise<Model> {
  const modelId = parseModelName(name);
  const model = name === "" ? await findFirstModel(db.q) : modelId && (await findModel(db.q, modelId));
  if (model) return model;
  if (name === "") throw new Refused({ code: "no_models" });
  const known = (await listModels(db.q, MAX_NAMED))
    .map((candidate) => modelName(candidate.modelId))
    .join(", ");
  throw invalid({
    field: "header.model",
    reason: "MODEL_UNKNOWN",
    description: `must be the name of a model (known: ${known}); found "${name}"`,
  });
}

function unknownFormat(fileName: string) {
  const description = `must end in .jsonl, .csv or .parquet, and the content does not tell the format either; found "${fileName}"`;
  return { field: "header.file_name", reason: "FORMAT_UNKNOWN", description };
}

function withContent(request: RepeatableRequest, contentSha256: string): RepeatableRequest {
  return { ...request, bodySha256: digestBody(request.bodySha256, contentSha256) };
}
