import { JobAcceptedSchema, JobCancelledSchema, JobFailedSchema } from "@gradients/contracts/event";
import { type Job, Job_State } from "@gradients/contracts/gateway";
import { newId } from "@gradients/kernel";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  checked,
  createWorld,
  idOf,
  instructRows,
  newJob,
  refusalOf,
  upload,
  type World,
} from "./test/world.ts";

let world: World;
/** Of the first customer, ready. */
let dataset: string;

beforeAll(async () => {
  world = await createWorld();
  dataset = (await checked(world.customer, (await upload(world.customer, instructRows(80))).name)).name;
});

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

const order = (changes: object = {}) => ({
  model: world.model,
  dataset,
  contestants: 2,
  budgetSeconds: 30,
  ...changes,
});
const create = (job: object, more: object = {}) =>
  world.customer.client.createJob({ parent: world.customer.project, job, ...more });
const jobsInDatabase = async () =>
  Number(
    (
      await world.db.q
        .selectFrom("job")
        .select(({ fn }) => fn.countAll().as("n"))
        .executeTakeFirstOrThrow()
    ).n,
  );

describe("an order that cannot be taken", () => {
  test.each<[string, object, string, string, string]>([
    [
      "an unknown model",
      { model: "models/gpt-9" },
      "job.model",
      "MODEL_UNKNOWN",
      'known: models/tiny); found "models/gpt-9"',
    ],
    ["no model", { model: "" }, "job.model", "MODEL_UNKNOWN", "found nothing"],
    [
      "an unknown data set",
      { dataset: `projects/${newId()}/datasets/${newId()}` },
      "job.dataset",
      "DATASET_UNKNOWN",
      "no data set of this project",
    ],
    ["no data set", { dataset: "" }, "job.dataset", "DATASET_UNKNOWN", "found nothing"],
    [
      "an unknown recipe",
      { recipes: ["recipes/full", "recipes/magic"] },
      "job.recipes[1]",
      "RECIPE_UNKNOWN",
      "recipes/lora-default",
    ],
    [
      "a recipe twice",
      { recipes: ["recipes/full", "recipes/full"] },
      "job.recipes[1]",
      "RECIPE_TWICE",
      "again",
    ],
    [
      "more contestants than recipes",
      { contestants: 9 },
      "job.contestants",
      "CONTESTANTS_ABOVE_RECIPES",
      "3; found 9",
    ],
    [
      "fewer contestants than recipes picked",
      { contestants: 1, recipes: ["recipes/full", "recipes/lora-wide"] },
      "job.contestants",
      "CONTESTANTS_BELOW_RECIPES",
      "2; found 1",
    ],
    ["a budget of a second", { budgetSeconds: 1 }, "job.budget_seconds", "BUDGET_OUT_OF_RANGE", "found 1"],
    [
      "an unknown hardware class",
      { hardwareClass: "tpu" },
      "job.hardware_class",
      "HARDWARE_CLASS_UNKNOWN",
      'known: local, gpu); found "tpu"',
    ],
    [
      "a length above the context",
      { maxLength: 257 },
      "job.max_length",
      "MAX_LENGTH_ABOVE_CONTEXT",
      "256 tokens; found 257",
    ],
    ["a length of nothing", { maxLength: 3 }, "job.max_length", "MAX_LENGTH_TOO_SMALL", "found 3"],
    ["a negative number of contestants", { contestants: -1 }, "job.contestants", "INT32_GTE_LTE", "found -1"],
    [
      "an absurd budget",
      { budgetSeconds: 2_000_000_000 },
      "job.budget_seconds",
      "INT32_GTE_LTE",
      "found 2000000000",
    ],
    ["a negative length", { maxLength: -5 }, "job.max_length", "INT32_GTE_LTE", "found -5"],
    ["a name without end", { displayName: "x".repeat(101) }, "job.display_name", "STRING_MAX_LEN", "found"],
  ])(
    "with %s names the field, what was found and what would be right",
    async (_what, changes, field, reason, words) => {
      const refusal = await refusalOf(create(order(changes)));
      expect(refusal.code).toBe("INVALID_ARGUMENT");
      expect(refusal.fieldViolations).toEqual([
        { field, reason, description: expect.stringContaining(words) },
      ]);
    },
  );

  test("names everything that is wrong at once, also when it is only validated", async () => {
    const wrong = {
      model: "models/x",
      dataset: "x",
      recipes: ["y"],
      budgetSeconds: 1,
      hardwareClass: "z",
      maxLength: 1,
      contestants: 4,
    };
    for (const validateOnly of [false, true]) {
      const refusal = await refusalOf(create(wrong, { validateOnly }));
      expect(refusal.fieldViolations.map(({ field }) => field)).toEqual([
        "job.model",
        "job.dataset",
        "job.contestants",
        "job.recipes[0]",
        "job.budget_seconds",
        "job.hardware_class",
        "job.max_length",
      ]);
    }
    expect(
      (await refusalOf(world.customer.client.createJob({ parent: world.customer.project }))).fieldViolations,
    ).toMatchObject([{ field: "job" }]);
  });

  test("because of its data set says why: unusable, too small, of someone else", async () => {
    const invalid = (await checked(world.customer, (await upload(world.customer, "{\n")).name)).name;
    const small = (await checked(world.customer, (await upload(world.customer, instructRows(63))).name)).name;
    const foreign = (
      await checked(world.otherCustomer, (await upload(world.otherCustomer, instructRows(80))).name)
    ).name;
    const reasonOf = async (name: string) =>
      (await refusalOf(create(order({ dataset: name })))).fieldViolations;
    expect(await reasonOf(invalid)).toMatchObject([
      { reason: "DATASET_INVALID", description: expect.stringContaining("JSON") },
    ]);
    expect(await reasonOf(small)).toMatchObject([
      {
        reason: "DATASET_TOO_SMALL",
        description: expect.stringContaining("at least 64 usable rows; found 63"),
      },
    ]);
    expect(await reasonOf(foreign)).toMatchObject([{ reason: "DATASET_UNKNOWN" }]);
  });
});

test("an order that is only validated comes back with its defaults and creates nothing", async () => {
  const before = await jobsInDatabase();
  const { job } = await create({ model: world.model, dataset }, { validateOnly: true, requestId: "dry" });
  expect(job).toMatchObject({
    name: "",
    contestants: 3,
    budgetSeconds: 60,
    hardwareClass: "local",
    maxLength: 256,
    state: Job_State.ACCEPTED,
  });
  expect(await jobsInDatabase()).toBe(before);
  const { job: real } = await create({ model: world.model, dataset }, { requestId: "dry" });
  expect(real?.name).not.toBe("");
});

describe("a repeated order", () => {
  test("is one job and one event, also when many come at once", async () => {
    const before = await jobsInDatabase();
    const calls = Promise.all(
      Array.from({ length: 6 }, () => create(order({ displayName: "once" }), { requestId: "race" })),
    );
    await expect(calls).resolves.toHaveLength(6);
    const answers = await calls;
    const names = new Set(answers.map(({ job }) => job?.name));
    expect(names.size).toBe(1);
    expect((await create(order({ displayName: "once" }), { requestId: "race" })).job).toEqual(
      answers[0]?.job,
    );
    expect(await jobsInDatabase()).toBe(before + 1);
    const jobId = idOf(answers[0]?.job?.name ?? "");
    await vi.waitFor(() =>
      expect(world.seen(JobAcceptedSchema).filter((event) => event.jobId === jobId)).toHaveLength(1),
    );
  });

  test("with another content is refused, and another customer's id is another one", async () => {
    await create(order(), { requestId: "taken" });
    const refusal = await refusalOf(create(order({ budgetSeconds: 31 }), { requestId: "taken" }));
    expect(refusal).toMatchObject({
      code: "ALREADY_EXISTS",
      reason: "REQUEST_ID_REUSED",
      fieldViolations: [{ field: "request_id" }],
    });
    const { otherCustomer: other } = world;
    const own = (await checked(other, (await upload(other, instructRows(80))).name)).name;
    const { job } = await other.client.createJob({
      parent: other.project,
      job: order({ dataset: own, budgetSeconds: 31 }),
      requestId: "taken",
    });
    expect(job?.name).toContain(other.project);
  });

  test("that was refused does not spend its id", async () => {
    await refusalOf(create(order({ model: "models/x" }), { requestId: "retry" }));
    expect((await create(order(), { requestId: "retry" })).job?.state).toBe(Job_State.ACCEPTED);
  });
});

describe("someone else's job", () => {
  test("is not found by any method, exactly like one that does not exist", async () => {
    const { name } = await newJob(world);
    const { client } = world.otherCustomer;
    const missing = `${world.otherCustomer.project}/jobs/${newId()}`;
    for (const call of [
      (job: string) => client.getJob({ name: job }),
      (job: string) => client.cancelJob({ name: job }),
      (job: string) => client.getJobResult({ name: job }),
      async (job: string) => void (await client.watchJob({ name: job })[Symbol.asyncIterator]().next()),
    ]) {
      for (const asked of [name, missing, underOwnProject(name)]) {
        expect(await refusalOf(call(asked))).toMatchObject({
          code: "NOT_FOUND",
          reason: "JOB_NOT_FOUND",
          resource: { type: "Job", name: asked },
        });
      }
    }
    expect((await world.customer.client.getJob({ name })).job?.state).toBe(Job_State.ACCEPTED);
  });

  test("and data set and key are not found either, and its project is no parent", async () => {
    const { client, project } = world.otherCustomer;
    for (const name of [dataset, underOwnProject(dataset)]) {
      expect(await refusalOf(client.getDataset({ name }))).toMatchObject({
        code: "NOT_FOUND",
        reason: "DATASET_NOT_FOUND",
      });
    }
    const { apiKey } = await world.customer.client.createApiKey({
      parent: world.customer.project,
      displayName: "x",
    });
    for (const name of [apiKey?.name ?? "", underOwnProject(apiKey?.name ?? "")]) {
      expect(await refusalOf(client.revokeApiKey({ name }))).toMatchObject({
        code: "NOT_FOUND",
        reason: "API_KEY_NOT_FOUND",
      });
    }
    const foreign = { parent: world.customer.project };
    for (const call of [
      () => client.listJobs(foreign),
      () => client.listDatasets(foreign),
      () => client.listApiKeys(foreign),
      () => client.createApiKey(foreign),
      () => client.createSampleDataset(foreign),
      () => client.createJob({ ...foreign, job: order() }),
      () => upload({ ...world.otherCustomer, project: world.customer.project }, instructRows(2)),
      () => client.listJobs({ parent: `projects/${newId()}` }),
    ]) {
      expect(await refusalOf(call())).toMatchObject({
        code: "PERMISSION_DENIED",
        reason: "PROJECT_FORBIDDEN",
      });
    }
    expect(
      (await client.listJobs({ parent: project })).jobs.every(({ name }) => name.startsWith(project)),
    ).toBe(true);
  });

  test.each(["", "projects/x", "projects/x/jobs/y", "jobs/1", `projects/${newId()}/datasets/${newId()}`])(
    "a name like %j is refused or not found",
    async (name) => {
      const { code } = await refusalOf(world.customer.client.getJob({ name }));
      expect(["INVALID_ARGUMENT", "NOT_FOUND"]).toContain(code);
    },
  );
});

describe("cancelling", () => {
  test("ends the job and tells the others once, however often it is asked", async () => {
    const { client } = world.customer;
    const { name } = await newJob(world);
    const [first, second] = await Promise.all([client.cancelJob({ name }), client.cancelJob({ name })]);
    expect(first.job).toMatchObject({ name, state: Job_State.CANCELLED });
    expect(second.job).toEqual(first.job);
    expect((await client.cancelJob({ name })).job).toEqual(first.job);
    await vi.waitFor(() =>
      expect(world.seen(JobCancelledSchema).map(({ jobId }) => jobId)).toEqual([idOf(name)]),
    );
  });

  test("a job that has failed is refused, and the others are told nothing", async () => {
    const { client } = world.customer;
    const { name } = await newJob(world);
    await world.publish(JobFailedSchema, {
      jobId: idOf(name),
      reason: { code: "DATASET_TOO_SMALL", message: "Add rows.", customerError: true },
    });
    const job = await vi.waitFor(async () => {
      const { job: read } = await client.getJob({ name });
      expect(read?.state).toBe(Job_State.FAILED);
      return read;
    });
    expect(job?.failure).toMatchObject({
      code: "DATASET_TOO_SMALL",
      message: "Add rows.",
      customerError: true,
    });
    expect(await refusalOf(client.cancelJob({ name }))).toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "JOB_ENDED",
    });
    expect(await refusalOf(client.getJobResult({ name }))).toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "JOB_NOT_SUCCEEDED",
    });
    const sent = await world.db.q.selectFrom("outbox").select(["type", "headers"]).execute();
    const ofThisJob = sent.filter(({ headers }) => headers["ce-subject"] === idOf(name));
    expect(ofThisJob.map(({ type }) => type)).toEqual([JobAcceptedSchema.typeName]);
  });
});

describe("reading", () => {
  test("pages of jobs come newest first, without gap or repetition, and tokens fit only their own listing", async () => {
    const { client, project } = world.customer;
    for (let made = 0; made < 3; made++) await create(order());
    const all = (await client.listJobs({ parent: project, pageSize: 200 })).jobs.map(({ name }) => name);
    const paged: string[] = [];
    let pageToken = "";
    do {
      const page = await client.listJobs({ parent: project, pageSize: 2, pageToken });
      paged.push(...page.jobs.map(({ name }) => name));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(paged).toEqual(all);
    expect(all).toEqual(all.toSorted().toReversed());
    const { nextPageToken } = await client.listJobs({ parent: project, pageSize: 1 });
    for (const call of [
      () => client.listDatasets({ parent: project, pageToken: nextPageToken }),
      () => client.listJobs({ parent: project, pageToken: nextPageToken, readMask: { paths: ["name"] } }),
      () => client.listJobs({ parent: project, pageToken: "x" }),
    ]) {
      expect(await refusalOf(call())).toMatchObject({
        fieldViolations: [{ field: "page_token", reason: "PAGE_TOKEN_INVALID" }],
      });
    }
    expect(await refusalOf(client.listJobs({ parent: project, pageSize: -1 }))).toMatchObject({
      fieldViolations: [{ field: "page_size" }],
    });
  });

  test("a mask chooses the fields and refuses unknown ones", async () => {
    const { name } = await newJob(world);
    const { client } = world.customer;
    const { job } = await client.getJob({ name, readMask: { paths: ["name", "state"] } });
    expect(fieldsOf(job)).toEqual(["name", "state"]);
    const refusal = await refusalOf(
      client.getJob({ name, readMask: { paths: ["nam", "attempts.state", "verdict.tie"] } }),
    );
    expect(refusal.fieldViolations.map(({ field, reason }) => [field, reason])).toEqual([
      ["read_mask", "READ_MASK_UNKNOWN_FIELD"],
      ["read_mask", "READ_MASK_UNKNOWN_FIELD"],
    ]);
  });

  test("models and recipes are listed", async () => {
    const { client } = world.customer;
    const { models } = await client.listModels({});
    expect(models).toMatchObject([
      {
        name: "models/tiny",
        displayName: "Tiny",
        license: "CC0-1.0",
        parameterCount: 10n,
        contextLength: 256,
      },
    ]);
    const { recipes, nextPageToken } = await client.listRecipes({ pageSize: 2 });
    const rest = await client.listRecipes({ pageSize: 2, pageToken: nextPageToken });
    expect([...recipes, ...rest.recipes].map(({ name }) => name)).toEqual([
      "recipes/full",
      "recipes/lora-default",
      "recipes/lora-wide",
    ]);
  });
});

function fieldsOf(job: Job | undefined): readonly string[] {
  const isSet = (value: unknown) =>
    value instanceof Object ? Object.keys(value).length > 0 : Boolean(value); // an empty list or map is none
  return Object.entries(job ?? {}).flatMap(([key, value]) =>
    key !== "$typeName" && isSet(value) ? [key] : [],
  );
}

/** The same resource, named as if it were the other customer's own. */
function underOwnProject(name: string): string {
  return name.replace(world.customer.project, world.otherCustomer.project);
}
