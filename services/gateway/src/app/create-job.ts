import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { appendOutbox, event, type OutboxEvent } from "@gradients/bus";
import { JobAcceptedSchema } from "@gradients/contracts/event";
import { type Job as JobMessage, JobSchema } from "@gradients/contracts/gateway";
import { formatToProto } from "@gradients/dataset";
import {
  type AccountId,
  type DatasetId,
  failpoint,
  type JobId,
  newId,
  type RecipeId,
} from "@gradients/kernel";
import type { Dataset } from "../domain/dataset.ts";
import { decideJob, type JobLimits, type JobOrder, type OfferedHardware } from "../domain/decide-job.ts";
import type { JobSpec, JobView } from "../domain/job.ts";
import { invalid } from "../domain/refusal.ts";
import { parseChildName, parseModelName } from "../domain/resource-names.ts";
import { findAnsweredRequest } from "../store/answered-requests.ts";
import type { GatewayDatabase, GatewayTx } from "../store/database.ts";
import { findDataset } from "../store/datasets.ts";
import { appendJobEvents } from "../store/job-events.ts";
import { insertJob } from "../store/jobs.ts";
import { findModel, listModels, type Model } from "../store/models.ts";
import { encodeJob } from "../wire/job.ts";
import { answerOnce, type RepeatableRequest, sameAnswer } from "./answer-once.ts";
import type { SchedulerCatalogue } from "./scheduler-catalogue.ts";

export interface CreateJobDeps {
  readonly db: GatewayDatabase;
  readonly catalogue: SchedulerCatalogue;
  readonly limits: JobLimits;
  /** Time for a verdict, on top of the training time of all contestants. */
  readonly deadlineSeconds: number;
}

export interface CreateJob {
  readonly projectId: AccountId;
  readonly order: JobOrder;
  readonly request: RepeatableRequest;
  /** Checks everything and creates nothing. */
  readonly validateOnly: boolean;
}

const MODELS_NAMED_IN_ERRORS = 20;

/** Accepts a job, or throws Refused with everything that is wrong with the order. */
export const createJob =
  (deps: CreateJobDeps) =>
  async (command: CreateJob): Promise<{ readonly job: JobMessage; readonly isNew: boolean }> => {
    const repeated = await repeatedAnswer(deps, command);
    if (repeated) return { job: repeated, isNew: false };
    const [recipes, hardwareClasses] = await Promise.all([
      deps.catalogue.recipes(),
      deps.catalogue.hardwareClasses(),
    ]);
    const offer = {
      recipeIds: recipes.map(({ recipeId }) => recipeId as RecipeId),
      defaultRecipeId: recipes.find(({ defaultRecipe }) => defaultRecipe)?.recipeId as RecipeId | undefined,
      hardwareClasses,
    };
    const created = await deps.db.tx(async (tx) => {
      if (command.validateOnly) return { job: await validate(deps, tx, command, offer), isNew: false };
      let isNew = false;
      const job = await answerOnce(tx, command.request, JobSchema, () => {
        isNew = true;
        return accept(deps, tx, command, offer);
      });
      return { job, isNew };
    });
    if (created.isNew) failpoint("gateway.job-accepted");
    return created;
  };

/** Needs no scheduler, so a repeated order is answered while that is away. */
async function repeatedAnswer({ db }: CreateJobDeps, { request, validateOnly }: CreateJob) {
  if (validateOnly || request.requestId === "") return undefined;
  const earlier = await findAnsweredRequest(db.q, request);
  return earlier && sameAnswer(request, earlier, JobSchema);
}

interface Offer {
  readonly recipeIds: readonly RecipeId[];
  readonly defaultRecipeId: RecipeId | undefined;
  readonly hardwareClasses: readonly OfferedHardware[];
}

async function validate(
  deps: CreateJobDeps,
  tx: GatewayTx,
  { projectId, order }: CreateJob,
  offer: Offer,
): Promise<JobMessage> {
  const { spec } = await decide(deps, tx, projectId, order, offer);
  return { ...encodeJob(newView(projectId, spec, tx.now, 0n)), name: "" };
}

async function accept(
  deps: CreateJobDeps,
  tx: GatewayTx,
  { projectId, order }: CreateJob,
  offer: Offer,
): Promise<JobMessage> {
  const { spec, model, dataset } = await decide(deps, tx, projectId, order, offer);
  const view = newView(projectId, spec, tx.now, 1n);
  const message = encodeJob(view);
  await insertJob(tx, view.job);
  await appendJobEvents(tx, view.job.jobId, 0n, [{ case: "job", value: message }]);
  await appendOutbox(tx, jobAccepted(view, model, dataset, deps.deadlineSeconds));
  return message;
}

/** Throws Refused unless the order can be accepted. */
async function decide(
  deps: CreateJobDeps,
  tx: GatewayTx,
  projectId: AccountId,
  order: JobOrder,
  offer: Offer,
) {
  const [model, dataset] = [
    await orderedModel(tx, order.model),
    await orderedDataset(tx, projectId, order.dataset),
  ];
  const known = model ? [] : await listModels(tx, MODELS_NAMED_IN_ERRORS);
  const decision = decideJob(order, {
    projectId,
    model,
    dataset: dataset && {
      ...dataset,
      usableRows: Number(dataset.report?.usableRows ?? 0n),
      longRows: Number(dataset.report?.longRows ?? 0n),
      trainingLength: dataset.report?.trainingLength ?? 0,
      problem: problemOf(dataset),
    },
    knownModels: known.map(({ modelId }) => modelId),
    knownRecipes: offer.recipeIds,
    defaultRecipe: offer.defaultRecipeId,
    knownHardwareClasses: offer.hardwareClasses,
    limits: deps.limits,
  });
  if (!decision.ok) throw invalid(...decision.error);
  if (!model || !dataset) throw new Error("An order without model or data set was decided on"); // decideJob refuses it
  return { spec: decision.value, model, dataset };
}

async function orderedModel(tx: GatewayTx, name: string): Promise<Model | undefined> {
  const modelId = parseModelName(name);
  return modelId && findModel(tx, modelId);
}

async function orderedDataset(
  tx: GatewayTx,
  projectId: AccountId,
  name: string,
): Promise<Dataset | undefined> {
  const parsed = parseChildName<DatasetId>("datasets", name);
  return parsed?.projectId === projectId ? findDataset(tx, projectId, parsed.id) : undefined;
}

function problemOf({ report }: Dataset): string {
  const [first] = report?.findings ?? [];
  return first ? `${first.message} ${first.fix}` : "";
}

function newView(projectId: AccountId, spec: JobSpec, now: Date, eventOffset: bigint): JobView {
  const job = {
    jobId: newId<JobId>(now.getTime()),
    projectId,
    spec,
    state: "accepted" as const,
    trainRows: 0,
    heldoutRows: 0,
    heldoutCommitment: "",
    droppedRows: {},
    verdict: undefined,
    failure: undefined,
    createdAt: now,
    startedAt: undefined,
    endedAt: undefined,
    eventOffset,
  };
  return { job, attempts: [], payments: [] };
}

function jobAccepted({ job }: JobView, model: Model, dataset: Dataset, deadlineSeconds: number): OutboxEvent {
  const { jobId, spec, createdAt } = job;
  const seconds = deadlineSeconds + spec.budgetSeconds * spec.contestants;
  const message = {
    jobId,
    accountId: job.projectId,
    baseModel: model.ref,
    dataset: {
      datasetId: dataset.datasetId,
      object: dataset.object,
      format: formatToProto(dataset.format),
      ...(dataset.report?.mapping && { columns: dataset.report.mapping }),
    },
    contestants: spec.contestants,
    recipeIds: [...spec.recipeIds],
    budgetSeconds: spec.budgetSeconds,
    hardwareClass: spec.hardwareClass,
    maxLength: spec.maxLength,
    acceptedAt: timestampFromDate(createdAt),
    deadline: timestampFromDate(new Date(createdAt.getTime() + seconds * 1_000)),
  };
  return event(JobAcceptedSchema, message, { aggregateId: jobId });
}
