import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { ChainService, SubmissionState } from "@gradients/contracts/chain";
import { Attempt_State, GatewayService, type Job, Job_State } from "@gradients/contracts/gateway";
import { createRpcClient } from "@gradients/rpc";
import { expect } from "vitest";
import { datasetUpload } from "../dataset-upload.ts";

export type Gateway = ReturnType<typeof createRpcClient<typeof GatewayService>>;
export type Chain = ReturnType<typeof createRpcClient<typeof ChainService>>;

/** The public door, by the client that a partner would generate. */
export function gatewayClient(target: string, apiKey: string): Gateway {
  return createRpcClient(GatewayService, { target, token: apiKey, defaultDeadlineMs: 30_000 });
}

export function chainClient(target: string): Chain {
  return createRpcClient(ChainService, { target, defaultDeadlineMs: 10_000 });
}

/** Returns the data set's name. */
export async function uploadFile(gateway: Gateway, parent: string, file: string): Promise<string> {
  const { size } = await stat(file);
  const header = { parent, fileName: basename(file), size: BigInt(size) };
  const chunks = createReadStream(file) as AsyncIterable<Buffer>;
  const { dataset } = await gateway.uploadDataset(datasetUpload(header, chunks), { deadlineMs: 600_000 });
  return dataset?.name ?? "";
}

/** Follows the job to its end; counts the curve points of each attempt and checks that offsets grow by one. */
export async function follow(
  gateway: Gateway,
  name: string,
): Promise<{ readonly job: Job; readonly points: ReadonlyMap<string, number> }> {
  const points = new Map<string, number>();
  let offset = 0n;
  for await (const message of gateway.watchJob({ name })) {
    if (message.offset > 0n) {
      expect(message.offset).toBeGreaterThan(offset);
      offset = message.offset;
    }
    const { event } = message;
    if (event.case === "progress" && event.value.evaluationId === "") {
      points.set(event.value.attemptId, (points.get(event.value.attemptId) ?? 0) + event.value.points.length);
    }
    if (event.case === "job" && event.value.state >= Job_State.SUCCEEDED) return { job: event.value, points };
  }
  throw new Error("the watch ended before the job did");
}

/** All attempts did their part, each has its curve. */
export function expectRace(job: Job, points: ReadonlyMap<string, number>): void {
  expect(job.failure).toBeUndefined();
  expect(job.state).toBe(Job_State.SUCCEEDED);
  expect(job.attempts.map(({ state }) => state)).toEqual(Array(3).fill(Attempt_State.SUCCEEDED));
  for (const { attemptId } of job.attempts) expect(points.get(attemptId) ?? 0).toBeGreaterThan(2);
}

/** The winner and the evidence can be downloaded, what comes has the digests that were promised, and the held-out rows open the commitment. */
export async function expectResult(gateway: Gateway, job: Job): Promise<void> {
  const result = await gateway.getJobResult({ name: job.name });
  expect(result.files.map(({ fileName }) => fileName).join()).toMatch(/safetensors/);
  const evidence = await fetch(result.evidence?.url ?? "");
  const body = Buffer.from(await evidence.arrayBuffer());
  expect(createHash("sha256").update(body).digest("hex")).toBe(job.verdict?.evidenceSha256);
  const heldout = Buffer.from(await (await fetch(result.heldout?.url ?? "")).arrayBuffer());
  const opened = createHash("sha256")
    .update(Buffer.from(job.verdict?.revealedSalt ?? "", "hex"))
    .update(heldout);
  expect(opened.digest("hex")).toBe(job.heldoutCommitment);
  for (const file of result.files) {
    const bytes = Buffer.from(await (await fetch(file.url)).arrayBuffer());
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(file.sha256);
  }
}

/** The winner's hotkey has weight in a finalized block and is credited by the chain. */
export async function expectPayment(chain: Chain, job: Job): Promise<void> {
  const winner = job.verdict?.ranking.find(({ rank }) => rank === 1)?.contestantHotkey;
  await expect
    .poll(async () => (await chain.listWeightSubmissions({})).submissions, { timeout: 60_000, interval: 500 })
    .toContainEqual(
      expect.objectContaining({
        state: SubmissionState.FINALIZED,
        weights: expect.arrayContaining([expect.objectContaining({ hotkey: winner })]),
      }),
    );
  await expect
    .poll(async () => (await chain.listRewards({})).totals.map(({ hotkey }) => hotkey), {
      timeout: 60_000,
      interval: 500,
    })
    .toContain(winner);
}
