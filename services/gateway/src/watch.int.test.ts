import {
  AttemptStartedSchema,
  AttemptWaitingSchema,
  JobFailedSchema,
  JobScoredSchema,
  RewardCreditedSchema,
  SplitCommittedSchema,
  WaitReason,
  WeightsSetSchema,
} from "@gradients/contracts/event";
import { Attempt_State, Job_State, type WatchJobResponse } from "@gradients/contracts/gateway";
import { newId } from "@gradients/kernel";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { MAX_CURVE_POINTS } from "./domain/thin-progress.ts";
import { readSse } from "./test/read-sse.ts";
import { createWorld, idOf, newJob, refusalOf, take, type World } from "./test/world.ts";

let world: World;

beforeAll(async () => {
  world = await createWorld();
});

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

const stateIs = (state: Job_State) => (all: readonly WatchJobResponse[]) =>
  all.some(({ event }) => event.case === "job" && event.value.state === state);
const stateIsOne =
  (state: Job_State) =>
  ({ event }: WatchJobResponse) =>
    event.case === "job" && event.value.state === state;
/** To the end of the stream. */
const all = (stream: AsyncIterable<WatchJobResponse>) => take(stream, () => false);
const offsetsOf = (events: readonly WatchJobResponse[]) =>
  events
    .filter(({ event }) => event.case === "job" || event.case === "progress")
    .map(({ offset }) => Number(offset));
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

/** A job whose one attempt runs. */
async function racingJob() {
  const { name } = await newJob(world);
  const jobId = idOf(name);
  const attemptId = newId();
  const contestant = {
    attemptId,
    recipeId: "full",
    recipeTitle: "Full",
    contestantHotkey: `hot-${attemptId}`,
  };
  await world.publish(AttemptStartedSchema, { jobId, ...contestant });
  await take(world.customer.client.watchJob({ name }), stateIs(Job_State.RACING));
  return { name, jobId, attemptId, hotkey: contestant.contestantHotkey };
}

/** Figures of one step after the other, at a tenth of a second each. */
function sendSteps(
  { jobId, attemptId }: { jobId: string; attemptId: string },
  from: number,
  to: number,
): void {
  for (let step = from; step <= to; step++) {
    const points = [{ step: BigInt(step), trainSeconds: step / 10, loss: 1 / step }];
    world.progress({ jobId, attemptId, phase: "training", points });
  }
}

describe("a watch", () => {
  test("gives history, marks its end, goes on live, and resumes from any offset without gap or repetition", async () => {
    const job = await racingJob();
    const { client } = world.customer;
    sendSteps(job, 1, 20);
    const first = await take(client.watchJob({ name: job.name }), (all) => offsetsOf(all).length >= 10);
    const middle = BigInt(Math.max(...offsetsOf(first)));
    const resumed = take(client.watchJob({ name: job.name, afterOffset: middle }), stateIs(Job_State.FAILED));
    sendSteps(job, 21, 40);
    await vi.waitFor(async () =>
      expect((await client.getJob({ name: job.name })).job?.attempts[0]?.latest?.step).toBe(40n),
    );
    await world.publish(JobFailedSchema, { jobId: job.jobId, reason: { code: "X" } });
    const all = offsetsOf([...first, ...(await resumed)]);
    expect(all).toEqual(upTo(all.length));
    const history = await take(client.watchJob({ name: job.name }), (events) =>
      events.some(({ event }) => event.case === "endOfHistory"),
    );
    expect(offsetsOf(history)).toEqual(all);
    const { job: read } = await client.getJob({ name: job.name });
    expect(read?.eventOffset).toBe(BigInt(all.length));
    const steps = history.flatMap(({ event }) =>
      event.case === "progress" ? event.value.points.map(({ step }) => Number(step)) : [],
    );
    expect(steps).toEqual(upTo(40));
  });

  test("tells what a contestant waits for, since when and what to do, until it runs", async () => {
    const { name } = await newJob(world);
    const contestant = {
      jobId: idOf(name),
      attemptId: newId(),
      recipeId: "full",
      recipeTitle: "Full",
      contestantHotkey: "hot",
    };
    const isWaiting = (all: readonly WatchJobResponse[]) =>
      all.some(({ event }) => event.case === "job" && event.value.attempts[0]?.waiting !== undefined);
    await world.publish(AttemptWaitingSchema, { ...contestant, reason: WaitReason.NO_MACHINE });
    const told = await take(world.customer.client.watchJob({ name }), isWaiting);
    expect(told.at(-1)).toMatchObject({
      event: {
        value: {
          attempts: [
            {
              recipeTitle: "Full",
              state: Attempt_State.QUEUED,
              waiting: {
                reason: WaitReason.NO_MACHINE,
                message: "No machine with the hardware of this job has room.",
                advice: expect.stringContaining("another hardware class"),
                since: expect.anything(),
              },
            },
          ],
        },
      },
    });
    const { event: shown } = told.at(-1) ?? {};
    const { job: read } = await world.customer.client.getJob({ name });
    expect(read).toEqual(shown?.value);
    await world.publish(AttemptStartedSchema, contestant);
    await take(world.customer.client.watchJob({ name }), stateIs(Job_State.RACING));
    const { job } = await world.customer.client.getJob({ name });
    expect(job?.attempts).toMatchObject([{ state: Attempt_State.RUNNING }]);
    expect(job?.attempts[0]?.waiting).toBeUndefined();
  });

  test("goes on after the gateway was restarted", async () => {
    const job = await racingJob();
    sendSteps(job, 1, 5);
    const before = await take(
      world.customer.client.watchJob({ name: job.name }),
      (all) => offsetsOf(all).length >= 4,
    );
    const last = BigInt(Math.max(...offsetsOf(before)));
    await world.restart();
    sendSteps(job, 6, 9);
    await world.publish(JobFailedSchema, { jobId: job.jobId, reason: { code: "X" } });
    const client = world.customer.client;
    const after = await take(
      client.watchJob({ name: job.name, afterOffset: last }),
      stateIs(Job_State.FAILED),
    );
    const all = offsetsOf([...before, ...after]);
    expect(all).toEqual(upTo(all.length));
  });

  test("by many is served to each in full", async () => {
    const job = await racingJob();
    const client = world.customer.client;
    const watchers = Array.from({ length: 20 }, () =>
      take(client.watchJob({ name: job.name }), stateIs(Job_State.FAILED)),
    );
    sendSteps(job, 1, 30);
    await vi.waitFor(async () =>
      expect((await client.getJob({ name: job.name })).job?.attempts[0]?.latest?.step).toBe(30n),
    );
    await world.publish(JobFailedSchema, { jobId: job.jobId, reason: { code: "X" } });
    const [one, ...others] = (await Promise.all(watchers)).map(offsetsOf);
    expect(one).toEqual(upTo(one?.length ?? 0));
    for (const other of others) expect(other).toEqual(one);
  });

  test("ends by itself once the job has ended and all was sent, live, later and over REST", async () => {
    const job = await racingJob();
    const client = world.customer.client;
    const live = all(client.watchJob({ name: job.name }));
    sendSteps(job, 1, 3);
    await world.publish(JobFailedSchema, { jobId: job.jobId, reason: { code: "X" } });
    const events = await live;
    expect(events.at(-1)?.event.case).toBe("endOfWatch");
    expect(events.filter(stateIsOne(Job_State.FAILED))).toHaveLength(1);
    const { job: read } = await client.getJob({ name: job.name });
    const later = await all(client.watchJob({ name: job.name, afterOffset: read?.eventOffset ?? 0n }));
    expect(later.map(({ event }) => event.case)).toEqual(["endOfHistory", "endOfWatch"]);
    const headers = { authorization: `Bearer ${world.customer.key}` };
    const text = await (await fetch(`${world.http}/v1/${job.name}:watch`, { headers })).text();
    expect(text.trimEnd().split("\n\n").at(-1)).toMatch(/^event: end_of_watch\ndata: /);
  });

  test("from an offset that the job has not reached is refused", async () => {
    const { name } = await newJob(world);
    const watch = world.customer.client.watchJob({ name, afterOffset: 99n });
    expect(await refusalOf(take(watch, () => true))).toMatchObject({
      code: "OUT_OF_RANGE",
      reason: "OFFSET_UNKNOWN",
      fieldViolations: [{ field: "after_offset" }],
    });
  });
});

describe("server-sent events", () => {
  test("carry the same log with its offsets as ids and resume by Last-Event-ID", async () => {
    const job = await racingJob();
    sendSteps(job, 1, 10);
    const url = `${world.http}/v1/${job.name}:watch`;
    const headers = { authorization: `Bearer ${world.customer.key}` };
    const first = await readSse(url, headers, (all) => all.filter(({ id }) => id !== undefined).length >= 6);
    expect(first[0]).toMatchObject({ retry: "2000" });
    const lastId = first.findLast(({ id }) => id !== undefined)?.id ?? "";
    const reading = readSse(url, { ...headers, "last-event-id": lastId }, (all) =>
      all.some(({ event, data }) => event === "job" && data?.includes("STATE_FAILED")),
    );
    sendSteps(job, 11, 12);
    await vi.waitFor(async () =>
      expect((await world.customer.client.getJob({ name: job.name })).job?.attempts[0]?.latest?.step).toBe(
        12n,
      ),
    );
    await world.publish(JobFailedSchema, { jobId: job.jobId, reason: { code: "X" } });
    const ids = [...first, ...(await reading)]
      .filter(({ event }) => event === "job" || event === "progress")
      .map(({ id }) => Number(id));
    expect(ids).toEqual(upTo(ids.length));
  });

  test.each([
    ["without a key", {}, 401, "API_KEY_MISSING"],
    ["with a last id that is none", { "last-event-id": "abc" }, 400, "INVALID_REQUEST"],
    ["with a last id from the future", { "last-event-id": "4711" }, 400, "OFFSET_UNKNOWN"],
  ])("are refused %s, with a status of their own", async (_what, more, status, reason) => {
    const { name } = await newJob(world);
    const headers: Record<string, string> = {
      ...(status === 401 ? {} : { authorization: `Bearer ${world.customer.key}` }),
      ...more,
    };
    const response = await fetch(`${world.http}/v1/${name}:watch`, { headers });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ reason });
  });
});

describe("what the other services tell", () => {
  test("counts once, however often it is delivered and in whatever order", async () => {
    const client = world.customer.client;
    const { name } = await newJob(world);
    const jobId = idOf(name);
    const eventId = newId();
    const split = { jobId, trainRows: 70, heldoutRows: 10, heldoutCommitment: "aa" };
    const attempt = {
      jobId,
      attemptId: newId(),
      recipeId: "full",
      recipeTitle: "Full",
      contestantHotkey: "hot",
    };
    await world.publish(AttemptStartedSchema, attempt);
    for (let deliveries = 0; deliveries < 3; deliveries++)
      await world.publish(SplitCommittedSchema, split, eventId);
    await world.publish(AttemptStartedSchema, attempt); // another event that says the same
    await world.publish(JobFailedSchema, { jobId, reason: { code: "X" } });
    await world.publish(SplitCommittedSchema, split); // too late
    const { job } = await vi.waitFor(async () => {
      const read = await client.getJob({ name });
      expect(read.job?.state).toBe(Job_State.FAILED);
      return read;
    });
    expect(job).toMatchObject({ trainRows: 70, heldoutRows: 10, heldoutCommitment: "aa", eventOffset: 4n });
    expect(job?.attempts).toHaveLength(1);
  });

  test("about an unknown job is dropped and holds nothing up", async () => {
    await world.publish(JobFailedSchema, { jobId: newId(), reason: { code: "X" } });
    const job = await racingJob();
    await world.publish(JobFailedSchema, { jobId: job.jobId, reason: { code: "X" } });
    await vi.waitFor(async () =>
      expect((await world.customer.client.getJob({ name: job.name })).job?.state).toBe(Job_State.FAILED),
    );
    expect(await world.db.q.selectFrom("dead_letter").select("id").execute()).toEqual([]);
  });

  test("of a long curve keeps an even selection and the newest figures", async () => {
    const job = await racingJob();
    const points = Array.from({ length: 3_000 }, (_, index) => ({
      step: BigInt(index + 1),
      trainSeconds: (index + 1) / 100,
      loss: 1,
    }));
    for (let start = 0; start < points.length; start += 500) {
      world.progress({
        jobId: job.jobId,
        attemptId: job.attemptId,
        phase: "training",
        points: points.slice(start, start + 500),
      });
    }
    const client = world.customer.client;
    await vi.waitFor(async () =>
      expect((await client.getJob({ name: job.name })).job?.attempts[0]).toMatchObject({
        phase: "training",
        latest: { step: 3000n },
      }),
    );
    const history = await take(client.watchJob({ name: job.name }), (events) =>
      events.some(({ event }) => event.case === "endOfHistory"),
    );
    const kept = history.flatMap(({ event }) => (event.case === "progress" ? event.value.points : []));
    expect(kept.length).toBeGreaterThan(1_000);
    expect(kept.length).toBeLessThanOrEqual(MAX_CURVE_POINTS);
    const gaps = kept
      .slice(1)
      .map(({ trainSeconds }, index) => trainSeconds - (kept[index]?.trainSeconds ?? 0));
    expect(Math.max(...gaps)).toBeLessThan(0.05);
  });

  test("of rewards is shown for the jobs whose verdicts were in the weights, whichever news comes first", async () => {
    const client = world.customer.client;
    const job = await racingJob();
    const reward = (blockNumber: bigint, genesisHash = "0xa") => ({
      jobId: "chain",
      rewardId: newId(),
      genesisHash,
      epoch: blockNumber / 10n,
      hotkey: job.hotkey,
      amountRao: "1234567890123456789",
      blockNumber,
    });
    const weights = (blockNumber: bigint, jobIds: string[]) => ({
      jobId: "chain",
      submissionId: newId(),
      genesisHash: "0xa",
      epoch: blockNumber / 10n,
      blockNumber,
      jobIds,
    });
    await world.publish(JobScoredSchema, {
      jobId: job.jobId,
      ranking: [{ contestantHotkey: job.hotkey, rank: 1 }],
    });
    await world.publish(RewardCreditedSchema, reward(105n)); // before the weights are told of
    await world.publish(RewardCreditedSchema, reward(105n, "0xb")); // nobody has set weights on that chain
    await world.publish(WeightsSetSchema, weights(101n, [job.jobId]));
    await world.publish(RewardCreditedSchema, reward(110n));
    await world.publish(RewardCreditedSchema, reward(111n, "0xb"));
    await world.publish(WeightsSetSchema, weights(111n, []));
    await world.publish(RewardCreditedSchema, reward(120n)); // the job is no longer in the weights
    await world.publish(RewardCreditedSchema, reward(100n)); // and was not yet
    await vi.waitFor(async () => {
      const { job: read } = await client.getJob({ name: job.name });
      expect(read?.payments).toMatchObject([
        { contestantHotkey: job.hotkey, amountRao: "2469135780246913578", epoch: 11n, blockNumber: 110n },
      ]);
      expect(await world.db.q.selectFrom("reward").select("reward_id").execute()).toHaveLength(6);
    });
    const history = await take(client.watchJob({ name: job.name }), (events) =>
      events.some(({ event }) => event.case === "endOfHistory"),
    );
    const paid = history.filter(({ event }) => event.case === "job" && event.value.payments.length > 0);
    expect(paid).toHaveLength(1); // the second one came within a minute
  });
});
