import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { AttemptFinishedSchema, JobCancelledSchema, RaceFinishedSchema } from "@gradients/contracts/event";
import { AttemptState } from "@gradients/contracts/scheduler";
import { Directive, UploadPurpose } from "@gradients/contracts/trainer";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createSilentWorld, type Relay, reasonOf, type SilentWorld } from "./test/silent-pods.ts";
import type { World } from "./test/world.ts";

let silent: SilentWorld;
let world: World;

beforeAll(async () => {
  silent = await createSilentWorld({ fenced: 2, upload: 1, lost: 1, cancel: 1 });
  world = silent.world;
});

afterAll(() => silent[Symbol.asyncDispose]());

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
  const { attemptId } = await silent.openSolo("fenced");
  const old = await silent.podOf(attemptId);
  const { engineSpecJson, heartbeatSeconds } = await old.getAssignment({ epoch: 0 });
  expect(JSON.parse(engineSpecJson)).toMatchObject({ kind: "train", method: "lora", resume_from: null });
  expect(heartbeatSeconds).toBe(0.4);
  expect(await reasonOf(old.report({ epoch: 1, phase: "training" }))).toBe("FENCED");
  const next = await silent.podOf(attemptId, 1);
  const stale = [
    old.getAssignment({ epoch: 0 }),
    old.report({ epoch: 0, phase: "training" }),
    old.commitCheckpoint({ epoch: 0, step: 9n }),
    old.finish({ epoch: 0, outcome: { case: "failed", value: { code: "NONFINITE" } } }),
    old.report({ epoch: 1, phase: "training" }),
  ];
  expect(new Set(await Promise.all(stale.map(reasonOf)))).toEqual(new Set(["FENCED"]));
  expect(
    await reasonOf(silent.speakAs(randomBytes(32).toString("base64url")).getAssignment({ epoch: 1 })),
  ).toBe("TOKEN_INVALID");
  await next.getAssignment({ epoch: 1 });
  expect(await next.report({ epoch: 1, phase: "training" })).toMatchObject({ directive: Directive.CONTINUE });
});

test("only what was uploaded counts, and nothing unneeded stays in the store", async () => {
  const { jobId, attemptId } = await silent.openSolo("upload");
  const relay = await silent.podOf(attemptId);
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
  expect((await silent.service.getAttempt({ attemptId })).attempt?.checkpointStep).toBe(5n);
  const weights = await upload(
    relay,
    UploadPurpose.ARTIFACT,
    "adapter_model.safetensors",
    Buffer.from("weights"),
  );
  const open = await relay.beginUpload({ ...pickle, fileName: "left-open.json" });
  const unheardOf = await Promise.all([state, weights].map(({ object }) => openAgain(object.key)));
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
  const finished = () => world.seen(AttemptFinishedSchema).filter((event) => event.attemptId === attemptId);
  await vi.waitFor(() => expect(finished()).not.toHaveLength(0), { timeout: 10_000 });
  await vi.waitFor(
    async () => {
      expect(await world.objects.exists(state.object.key)).toBe(false);
      for (const url of [open.partUrls[0] ?? "", ...unheardOf])
        expect((await fetch(url, { method: "PUT", body: "x" })).status).toBe(404);
    },
    { timeout: 10_000 },
  );
  expect(await world.objects.exists(weights.object.key)).toBe(true);
  expect(finished()).toMatchObject([{ jobId, artifact: [{ name: weights.name }], stats: { steps: 9n } }]);
});

/** As when the answer to the first request was lost and the client asked again: nobody knows the upload's id. URL of its first part. */
async function openAgain(key: string): Promise<string> {
  return world.objects.presignPart(key, await world.objects.createMultipart(key), 1);
}

test("an attempt that is lost too often fails, and its race ends", async () => {
  const { jobId, attemptId } = await silent.openSolo("lost");
  await (await silent.podOf(attemptId)).getAssignment({ epoch: 0 });
  await (await silent.podOf(attemptId, 1)).finish({
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

test("a cancelled attempt is told to stop, and its pod is removed", async () => {
  const { jobId, attemptId } = await silent.openSolo("cancel");
  const relay = await silent.podOf(attemptId);
  await relay.getAssignment({ epoch: 0 });
  await world.publish(JobCancelledSchema, { jobId });
  await vi.waitFor(async () => expect(await silent.stateOf(attemptId)).toBe(AttemptState.CANCELLED), {
    timeout: 10_000,
  });
  expect(await relay.report({ epoch: 0, phase: "training" })).toMatchObject({ directive: Directive.STOP });
  expect(await reasonOf(relay.getAssignment({ epoch: 0 }))).toBe("FENCED");
  const pod = join(world.fleetDir, `attempt-${attemptId}-e0`);
  await vi.waitFor(() => expect(existsSync(pod)).toBe(false), { timeout: 10_000 });
});
