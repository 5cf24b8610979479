import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  AttemptFailedSchema,
  AttemptFinishedSchema,
  EvaluationFailedSchema,
  EvaluationRequestedSchema,
  JobAcceptedSchema,
  JobCancelledSchema,
  RaceFinishedSchema,
  SplitCommittedSchema,
} from "@gradients/contracts/event";
import { AttemptState, SchedulerService } from "@gradients/contracts/scheduler";
import { AttemptService, Directive, UploadPurpose } from "@gradients/contracts/trainer";
import { newId } from "@gradients/kernel";
import { createRpcClient, type RpcClient, RpcError } from "@gradients/rpc";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { columns, createWorld, type JobOptions, type RunningScheduler, type World } from "./test/world.ts";

/** Stands where the agent would: says what it was given and waits, so that the test can speak in its place. */
const silentAgent = `
  import { writeFileSync } from "node:fs";
  writeFileSync("given.json", JSON.stringify(process.env));
  process.on("SIGTERM", () => process.exit(0));
  setInterval(() => {}, 1000);
`;

type Relay = RpcClient<typeof AttemptService>;

let world: World;
let scheduler: RunningScheduler;
let service: RpcClient<typeof SchedulerService>;
const relays: Relay[] = [];

/** A hardware class per test keeps them out of each other's way. */
const classes = ["fenced", "gang", "upload", "lost", "cancel", "twice", "late", "failing", "small"];

beforeAll(async () => {
  world = await createWorld();
  const agent = join(world.fleetDir, "../silent-agent.mjs");
  await writeFile(agent, silentAgent);
  scheduler = await world.startScheduler({
    SCHEDULER_FLEET_AGENT: agent,
    SCHEDULER_FLEET_CLASSES: JSON.stringify(
      classes.map((name) => ({
        name,
        description: "test",
        slots: name === "small" ? 1 : 2,
        threadsPerSlot: 1,
      })),
    ),
    SCHEDULER_ATTEMPTS_LEASE_SECONDS: "2",
    SCHEDULER_ATTEMPTS_RETRY_DELAYS_SECONDS: "[0]",
    SCHEDULER_ATTEMPTS_MAX_RETRIES: "1",
    SCHEDULER_ATTEMPTS_POLL_SECONDS: "0.2",
  });
  service = createRpcClient(SchedulerService, {
    target: scheduler.addresses["grpc"] ?? "",
    defaultDeadlineMs: 5_000,
  });
});

afterEach(() => {
  for (const relay of relays.splice(0)) relay.close();
});

afterAll(async () => {
  service.close();
  await world[Symbol.asyncDispose]();
});

function speakAs(token: string): Relay {
  const target = scheduler.addresses["relay"] ?? "";
  const relay = createRpcClient(AttemptService, { target, token, defaultDeadlineMs: 5_000 });
  relays.push(relay);
  return relay;
}

/** The pod's door, opened with the token that the pod was given. */
async function podOf(attemptId: string, epoch = 0): Promise<Relay> {
  const path = join(world.fleetDir, `attempt-${attemptId}-e${epoch}`, "given.json");
  const given = await vi.waitFor(async () => JSON.parse(await readFile(path, "utf8")), { timeout: 20_000 });
  return speakAs(given.TRAINER_GPU_ATTEMPT_TOKEN);
}

async function attemptsOf(jobId: string, count: number) {
  return vi.waitFor(
    async () => {
      const { attempts } = await service.listAttempts({ jobId });
      expect(attempts.length).toBe(count);
      return attempts;
    },
    { timeout: 10_000 },
  );
}

async function openSolo(hardwareClass: string, options: JobOptions = {}) {
  const jobId = await world.openJob({ contestants: 1, hardwareClass, ...options });
  const [attempt] = await attemptsOf(jobId, 1);
  return { jobId, attemptId: attempt?.attemptId ?? "" };
}

async function stateOf(attemptId: string): Promise<AttemptState | undefined> {
  return (await service.getAttempt({ attemptId })).attempt?.state;
}

async function reasonOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (refusal: unknown) => refusal,
  );
  return error instanceof RpcError ? error.reason : "none";
}

async function upload(relay: Relay, purpose: UploadPurpose, fileName: string, content: Buffer, step = 0n) {
  const sha256 = createHash("sha256").update(content).digest("hex");
  const request = { epoch: 0, purpose, fileName, size: BigInt(content.length), sha256, step };
  const { uploadId, partUrls } = await relay.beginUpload(request);
  const response = await fetch(partUrls[0] ?? "", { method: "PUT", body: new Uint8Array(content) });
  const { file } = await relay.completeUpload({
    epoch: 0,
    uploadId,
    etags: [response.headers.get("etag") ?? ""],
  });
  if (!file?.object) throw new Error("no file was recorded");
  return { ...file, object: file.object };
}

test("a pod that was silent for too long is fenced off, and its successor gets another token", async () => {
  const { attemptId } = await openSolo("fenced");
  const old = await podOf(attemptId);
  const { engineSpecJson, heartbeatSeconds } = await old.getAssignment({ epoch: 0 });
  expect(JSON.parse(engineSpecJson)).toMatchObject({ kind: "train", method: "lora", resume_from: null });
  expect(heartbeatSeconds).toBe(0.4);
  expect(await reasonOf(old.report({ epoch: 1, phase: "training" }))).toBe("FENCED");
  const next = await podOf(attemptId, 1);
  const stale = [
    old.getAssignment({ epoch: 0 }),
    old.report({ epoch: 0, phase: "training" }),
    old.commitCheckpoint({ epoch: 0, step: 9n }),
    old.finish({ epoch: 0, outcome: { case: "failed", value: { code: "NONFINITE" } } }),
    old.report({ epoch: 1, phase: "training" }),
  ];
  expect(new Set(await Promise.all(stale.map(reasonOf)))).toEqual(new Set(["FENCED"]));
  expect(await reasonOf(speakAs(randomBytes(32).toString("base64url")).getAssignment({ epoch: 1 }))).toBe(
    "TOKEN_INVALID",
  );
  await next.getAssignment({ epoch: 1 });
  expect(await next.report({ epoch: 1, phase: "training" })).toMatchObject({ directive: Directive.CONTINUE });
});

test("a race waits until all its attempts can start together", async () => {
  const [first] = await attemptsOf(await world.openJob({ contestants: 1, hardwareClass: "gang" }), 1);
  const relay = await podOf(first?.attemptId ?? "");
  await relay.getAssignment({ epoch: 0 });
  const jobId = await world.openJob({ contestants: 2, hardwareClass: "gang" });
  await attemptsOf(jobId, 2);
  for (let beats = 0; beats < 3; beats++) {
    await relay.report({ epoch: 0, phase: "training" });
    const { attempts } = await service.listAttempts({ jobId });
    expect(attempts.map(({ state }) => state)).toEqual([AttemptState.QUEUED, AttemptState.QUEUED]);
  }
  await relay.finish({ epoch: 0, outcome: { case: "failed", value: { code: "NONFINITE" } } });
  await vi.waitFor(
    async () => {
      const { attempts } = await service.listAttempts({ jobId });
      expect(attempts.map(({ state }) => state)).toEqual([AttemptState.PLACING, AttemptState.PLACING]);
    },
    { timeout: 20_000 },
  );
});

test("only what was uploaded counts, and nothing unneeded stays in the store", async () => {
  const { jobId, attemptId } = await openSolo("upload");
  const relay = await podOf(attemptId);
  await relay.getAssignment({ epoch: 0 });
  const pickle = {
    epoch: 0,
    purpose: UploadPurpose.ARTIFACT,
    fileName: "model.bin",
    size: 1n,
    sha256: "0".repeat(64),
  };
  expect(await reasonOf(relay.beginUpload(pickle))).toBe("FILE_NOT_ALLOWED");
  expect(await reasonOf(relay.beginUpload({ ...pickle, fileName: "../x.json" }))).toBe("REQUEST_INVALID");
  const state = await upload(relay, UploadPurpose.CHECKPOINT, "state.json", Buffer.from("{}"), 5n);
  await relay.commitCheckpoint({ epoch: 0, step: 5n, trainSeconds: 2.5, files: [state] });
  expect((await service.getAttempt({ attemptId })).attempt?.checkpointStep).toBe(5n);
  const weights = await upload(
    relay,
    UploadPurpose.ARTIFACT,
    "adapter_model.safetensors",
    Buffer.from("weights"),
  );
  const open = await relay.beginUpload({ ...pickle, fileName: "left-open.json" });
  const trained = (object: typeof weights.object) => ({
    epoch: 0,
    outcome: {
      case: "trained" as const,
      value: { artifact: [{ name: weights.name, object }], stats: { steps: 9n } },
    },
  });
  expect(await reasonOf(relay.finish(trained({ ...weights.object, sha256: "0".repeat(64) })))).toBe(
    "FILE_NOT_UPLOADED",
  );
  expect(await reasonOf(relay.finish({ epoch: 0, outcome: { case: "trained", value: {} } }))).toBe(
    "RESULT_MISSING",
  );
  await relay.finish(trained(weights.object));
  await relay.finish(trained(weights.object));
  const finished = world.seen(AttemptFinishedSchema).filter((event) => event.attemptId === attemptId);
  expect(finished).toMatchObject([{ jobId, artifact: [{ name: weights.name }], stats: { steps: 9n } }]);
  await vi.waitFor(
    async () => {
      expect(await world.objects.exists(state.object.key)).toBe(false);
      const put = await fetch(open.partUrls[0] ?? "", { method: "PUT", body: "x" });
      expect(put.status).toBe(404);
    },
    { timeout: 10_000 },
  );
  expect(await world.objects.exists(weights.object.key)).toBe(true);
});

test("an attempt that is lost too often fails, and its race ends", async () => {
  const { jobId, attemptId } = await openSolo("lost");
  await (await podOf(attemptId)).getAssignment({ epoch: 0 });
  await (await podOf(attemptId, 1)).finish({
    epoch: 1,
    outcome: { case: "interrupted", value: { cause: "ENGINE_CRASHED" } },
  });
  const race = await vi.waitFor(
    () => world.seen(RaceFinishedSchema).find((event) => event.jobId === jobId) ?? expect.fail("no race"),
    { timeout: 10_000 },
  );
  expect(race.entries).toMatchObject([
    { attemptId, artifact: [], failure: { code: "LOST", customerError: false } },
  ]);
  expect(race.entries[0]?.failure?.message).toContain("ENGINE_CRASHED");
});

test("a cancelled attempt is told to stop", async () => {
  const { jobId, attemptId } = await openSolo("cancel");
  const relay = await podOf(attemptId);
  await relay.getAssignment({ epoch: 0 });
  await world.publish(JobCancelledSchema, { jobId });
  await vi.waitFor(async () => expect(await stateOf(attemptId)).toBe(AttemptState.CANCELLED), {
    timeout: 10_000,
  });
  expect(await relay.report({ epoch: 0, phase: "training" })).toMatchObject({ directive: Directive.STOP });
  expect(await reasonOf(relay.getAssignment({ epoch: 0 }))).toBe("FENCED");
});

test("events in any order, and twice, open one race; news of a job that has ended opens none", async () => {
  const jobId = newId();
  const order = {
    jobId,
    baseModel: { modelId: "tiny", files: [...(await world.modelFiles())] },
    dataset: { datasetId: "d", object: { key: "k", size: 1n, sha256: "0".repeat(64) }, format: 1, columns },
    contestants: 2,
    budgetSeconds: 5,
    hardwareClass: "twice",
    maxLength: 128,
  };
  const split = { jobId, train: { key: "t", size: 1n, sha256: "0".repeat(64) } };
  for (let round = 0; round < 2; round++) {
    await world.publish(SplitCommittedSchema, split);
    await world.publish(JobAcceptedSchema, order);
  }
  const attempts = await attemptsOf(jobId, 2);
  expect(attempts.map(({ recipeId }) => recipeId)).toEqual(["plain", "wide"]);
  const ended = newId();
  await world.publish(JobCancelledSchema, { jobId: ended });
  await world.publish(SplitCommittedSchema, { ...split, jobId: ended });
  await world.publish(JobAcceptedSchema, { ...order, jobId: ended });
  await world.publish(JobCancelledSchema, { jobId });
  await vi.waitFor(async () =>
    expect(await stateOf(attempts[0]?.attemptId ?? "")).toBe(AttemptState.CANCELLED),
  );
  expect((await service.listAttempts({ jobId: ended })).attempts).toEqual([]);
});

test.each([
  { why: "RACE_TOO_LARGE", options: { contestants: 2, hardwareClass: "small" } },
  { why: "HARDWARE_CLASS_UNKNOWN", options: { hardwareClass: "nowhere" } },
  { why: "RECIPE_UNKNOWN", options: { hardwareClass: "failing", recipeIds: ["secret-sauce"] } },
  { why: "TOO_FEW_RECIPES", options: { hardwareClass: "failing", contestants: 5 } },
])("a race that cannot be held ends at once as $why", async ({ why, options }) => {
  const jobId = await world.openJob(options);
  const race = await vi.waitFor(
    () => world.seen(RaceFinishedSchema).find((event) => event.jobId === jobId) ?? expect.fail("no race"),
    { timeout: 10_000 },
  );
  expect(race.entries.length).toBeGreaterThan(0);
  expect(race.entries.every(({ failure }) => failure?.code === why && failure.customerError)).toBe(true);
  const failures = world.seen(AttemptFailedSchema).filter((event) => event.jobId === jobId);
  expect(failures).toHaveLength(race.entries.length);
});

test("a job's deadline ends what still waits or runs", async () => {
  const { jobId } = await openSolo("late", { deadline: timestampFromDate(new Date(Date.now() + 1_500)) });
  const race = await vi.waitFor(
    () => world.seen(RaceFinishedSchema).find((event) => event.jobId === jobId) ?? expect.fail("no race"),
    { timeout: 10_000 },
  );
  expect(race.entries).toMatchObject([{ failure: { code: "DEADLINE_EXCEEDED" } }]);
});

test("an evaluation is run once, and its failure is reported in words", async () => {
  const request = {
    jobId: newId(),
    evaluationId: newId(),
    baseModel: { modelId: "tiny", files: [...(await world.modelFiles())] },
    heldout: { key: "private/h", size: 1n, sha256: "0".repeat(64) },
    columns,
    maxLength: 128,
    hardwareClass: "failing",
  };
  await world.publish(EvaluationRequestedSchema, request);
  await world.publish(EvaluationRequestedSchema, request);
  const relay = await podOf(request.evaluationId);
  const { inputs, engineSpecJson } = await relay.getAssignment({ epoch: 0 });
  expect(JSON.parse(engineSpecJson)).toMatchObject({ kind: "evaluate", artifact_dir: null });
  expect(inputs.map(({ path }) => path)).toContain("data/heldout.jsonl");
  await relay.report({ epoch: 0, phase: "evaluating", points: [{ step: 3n, totalSteps: 12n }] });
  const value = { code: "ARTIFACT_UNLOADABLE", message: "tensor x is missing" };
  await relay.finish({ epoch: 0, outcome: { case: "failed", value } });
  const [failed] = await world.waitFor(EvaluationFailedSchema, 1, 10_000);
  expect(failed).toMatchObject({
    evaluationId: request.evaluationId,
    reason: { code: "ARTIFACT_UNLOADABLE" },
  });
  expect(failed?.reason?.message).toContain("tensor x is missing");
  expect((await service.listAttempts({ jobId: request.jobId })).attempts).toHaveLength(1);
  const progress = world.progress.find(({ evaluationId }) => evaluationId === request.evaluationId);
  expect(progress).toMatchObject({ phase: "evaluating", points: [{ step: 3n, totalSteps: 12n }] });
});

test("tells other services about recipes and hardware classes", async () => {
  const { recipes } = await service.listRecipes({});
  expect(recipes).toMatchObject([
    { recipeId: "plain", defaultRecipe: true, method: "lora", settings: { lora: { rank: 4 } } },
    { recipeId: "wide", defaultRecipe: false },
  ]);
  expect(new Set(recipes.map(({ contestantHotkey }) => contestantHotkey)).size).toBe(2);
  const { hardwareClasses } = await service.listHardwareClasses({});
  expect(hardwareClasses.find(({ name }) => name === "failing")).toMatchObject({
    slots: 2,
    threadsPerSlot: 1,
  });
  expect(await reasonOf(service.getAttempt({ attemptId: "nope" }))).toBe("ATTEMPT_NOT_FOUND");
});
