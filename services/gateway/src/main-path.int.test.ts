import {
  AttemptFinishedSchema,
  AttemptStartedSchema,
  JobAcceptedSchema,
  JobScoredSchema,
  RaceFinishedSchema,
  SplitCommittedSchema,
} from "@gradients/contracts/event";
import { Attempt_State, Dataset_State, Job_State } from "@gradients/contracts/gateway";
import { newId } from "@gradients/kernel";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { checked, createWorld, idOf, instructRows, newJob, take, upload, type World } from "./test/world.ts";

let world: World;

beforeAll(async () => {
  world = await createWorld();
});

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

test("a customer uploads, orders, watches and downloads; the other services are told and listened to", async () => {
  const { customer } = world;
  const { client, project } = customer;
  const dataset = await checked(customer, (await upload(customer, instructRows(80))).name);
  expect(dataset.state).toBe(Dataset_State.READY);
  expect(dataset.report).toMatchObject({ rows: 80n, usableRows: 80n, findings: [] });

  const { job } = await client.createJob({
    parent: project,
    job: { model: world.model, dataset: dataset.name, contestants: 2, budgetSeconds: 30 },
  });
  const name = job?.name ?? "";
  const jobId = idOf(name);
  const [accepted] = await vi.waitFor(() => {
    expect(world.seen(JobAcceptedSchema)).toHaveLength(1);
    return world.seen(JobAcceptedSchema);
  });
  expect(accepted).toMatchObject({
    jobId,
    contestants: 2,
    budgetSeconds: 30,
    hardwareClass: "local",
    maxLength: 256,
    baseModel: { modelId: "tiny", contextLength: 256, parameterCount: 10n },
    dataset: {
      object: dataset.object,
      columns: {
        shape: { case: "instruct", value: { instruction: "instruction", input: "input", output: "output" } },
      },
    },
  });

  const watching = take(client.watchJob({ name }), (all) =>
    all.some(({ event }) => event.case === "job" && event.value.state === Job_State.SUCCEEDED),
  );
  await runRace(jobId);
  const events = await watching;
  const jobs = events.flatMap(({ event }) => (event.case === "job" ? [event.value] : []));
  expect([...new Set(jobs.map(({ state }) => Job_State[state]))]).toEqual([
    "ACCEPTED",
    "QUEUED",
    "RACING",
    "EVALUATING",
    "SUCCEEDED",
  ]);
  expect(jobs.at(-1)?.attempts.map(({ state }) => state)).toEqual([
    Attempt_State.SUCCEEDED,
    Attempt_State.FAILED,
  ]);

  const { job: read } = await client.getJob({ name });
  expect(read).toEqual(jobs.at(-1));
  expect((await client.listJobs({ parent: world.customer.project })).jobs).toContainEqual(read);
  expect(read?.droppedRows).toEqual({ duplicate: 3, empty_output: 1 });
  expect(read?.attempts[0]?.stats?.rowsLeftOut).toBe(2n);
  const result = await client.getJobResult({ name });
  const [file] = result.files;
  const downloaded = await fetch(file?.url ?? "");
  expect(await downloaded.text()).toBe("weights of winner");
  expect(downloaded.headers.get("content-disposition")).toContain("adapter_model.safetensors");
  expect(await (await fetch(result.evidence?.url ?? "")).text()).toBe("evidence");
  expect(await (await fetch(result.heldout?.url ?? "")).text()).toBe("held-out rows");
  expect(await restResult(name)).toMatchObject({ heldout: { fileName: "heldout.jsonl", size: "13" } });
});

test("a verdict that comes before the news of the race gives the model at once, and the race later", async () => {
  const { client } = world.customer;
  const { name } = await newJob(world);
  const [jobId, attemptId] = [idOf(name), newId()];
  const object = await world.objects.put(`jobs/${jobId}/attempts/${attemptId}/artifact/a`, Buffer.from("a"));
  const artifact = [{ name: "a", object }];
  const winner = { attemptId, recipeId: "full", recipeTitle: "Full", contestantHotkey: "hot" };
  const result = async () => (await client.getJobResult({ name })).files.map(({ fileName }) => fileName);
  await world.publish(JobScoredSchema, {
    jobId,
    winnerAttemptId: attemptId,
    winnerArtifact: artifact,
    ranking: [{ ...winner, rank: 1 }],
  });
  await vi.waitFor(async () => expect(await result()).toEqual(["a"]));
  await world.publish(AttemptStartedSchema, { jobId, ...winner });
  await world.publish(AttemptFinishedSchema, { jobId, attemptId, artifact });
  await world.publish(RaceFinishedSchema, { jobId, entries: [{ ...winner, artifact }] });
  await vi.waitFor(async () =>
    expect((await client.getJob({ name })).job).toMatchObject({
      state: Job_State.SUCCEEDED,
      attempts: [{ attemptId, state: Attempt_State.SUCCEEDED }],
    }),
  );
  expect(await result()).toEqual(["a"]);
});

async function restResult(name: string): Promise<unknown> {
  const headers = { authorization: `Bearer ${world.customer.key}` };
  return (await fetch(`${world.http}/v1/${name}/result`, { headers })).json();
}

async function runRace(jobId: string): Promise<void> {
  const [winner, loser] = [newId(), newId()];
  const object = await world.objects.put(
    `jobs/${jobId}/attempts/${winner}/artifact/adapter_model.safetensors`,
    Buffer.from("weights of winner"),
  );
  const evidence = await world.objects.put(`jobs/${jobId}/evidence.json`, Buffer.from("evidence"));
  const heldout = await world.objects.put(
    `private/jobs/${jobId}/heldout.jsonl`,
    Buffer.from("held-out rows"),
  );
  const artifact = [{ name: "adapter_model.safetensors", object }];
  const stats = { steps: 7n, rowsLeftOut: 2n };
  const entry = (attemptId: string, recipeId: string) => ({
    attemptId,
    recipeId,
    recipeTitle: recipeId,
    contestantHotkey: `hot-${recipeId}`,
  });
  await world.publish(SplitCommittedSchema, {
    jobId,
    trainRows: 60,
    heldoutRows: 20,
    heldoutCommitment: "c0ffee",
    droppedRows: { duplicate: 3, empty_output: 1 },
  });
  await world.publish(AttemptStartedSchema, { jobId, ...entry(winner, "lora-default") });
  await world.publish(AttemptStartedSchema, { jobId, ...entry(loser, "full") });
  await world.publish(AttemptFinishedSchema, { jobId, attemptId: winner, artifact, stats });
  const failure = { code: "OUT_OF_MEMORY", message: "Too large.", customerError: false };
  await world.publish(RaceFinishedSchema, {
    jobId,
    entries: [
      { ...entry(winner, "lora-default"), artifact, stats },
      { ...entry(loser, "full"), failure },
    ],
  });
  await world.publish(JobScoredSchema, {
    jobId,
    winnerAttemptId: winner,
    evidence,
    heldout,
    ranking: [{ ...entry(winner, "lora-default"), rank: 1 }],
  });
}
