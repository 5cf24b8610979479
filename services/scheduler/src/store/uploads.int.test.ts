import { createDatabase, type Database, ensureSchema, migrate } from "@gradients/db";
import { type AttemptId, type JobId, newId } from "@gradients/kernel";
import { createLogger } from "@gradients/runtime";
import { createTestDatabase } from "@gradients/testkit";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Attempt } from "../domain/attempt.ts";
import { newAttemptCore } from "../domain/attempt-machine.ts";
import type { Upload } from "../domain/uploads.ts";
import { insertAttempts } from "./attempts.ts";
import { lockJob } from "./jobs.ts";
import { migrations } from "./migrations/index.ts";
import type { Tables } from "./schema.ts";
import { findTokenHolder, hashToken, saveTokens } from "./tokens.ts";
import { insertUpload, listUploadsToSettle } from "./uploads.ts";

const cleanup = new AsyncDisposableStack();
let db: Database<Tables>;

beforeAll(async () => {
  const database = cleanup.use(await createTestDatabase());
  const url = await ensureSchema(database.url, {
    schema: "scheduler",
    role: `scheduler_${database.name}`,
    password: "test",
  });
  const logger = createLogger({ service: "test", level: "warn" });
  db = createDatabase<Tables>({ url, schema: "scheduler", applicationName: "test", poolSize: 3 }, logger);
  cleanup.defer(() => db.close());
  await migrate(db, migrations);
});

afterAll(() => cleanup.disposeAsync());

/** An attempt that runs at epoch 1, with the checkpoint of step 40 that its first placement left. */
async function addAttempt(core: Partial<Attempt["core"]> = {}): Promise<Attempt> {
  const now = new Date();
  const checkpoint = { step: 40, trainSeconds: 9, files: [fileOf("current")] };
  const attempt: Attempt = {
    attemptId: newId<AttemptId>(),
    jobId: newId<JobId>(),
    hardwareClass: "cpu",
    accountId: "",
    waiting: null,
    queuedSince: now,
    createdAt: now,
    traceparent: null,
    work: {
      kind: "evaluate",
      evaluation: {
        baseModel: [],
        artifact: [],
        heldout: fileOf("heldout").object,
        columns: { format: "chat", messages: "messages" },
        maxLength: 1,
        generateRows: 0,
        maxNewTokens: 1,
      },
    },
    result: null,
    core: { ...newAttemptCore(now), state: "running", epoch: 1, leaseExpiresAt: now, checkpoint, ...core },
  };
  await db.tx(async (tx) => {
    await lockJob(tx, attempt.jobId);
    await insertAttempts(tx, [attempt]);
  });
  return attempt;
}

function fileOf(key: string) {
  return { name: "f.safetensors", object: { key, size: 3, sha256: "00" } };
}

async function addUploads(
  { attemptId }: Attempt,
  uploads: readonly (Partial<Upload> & { readonly uploadId: string })[],
): Promise<void> {
  for (const changes of uploads) {
    const upload: Upload = {
      attemptId,
      epoch: 1,
      purpose: "checkpoint",
      step: 80,
      file: fileOf(changes.uploadId),
      s3UploadId: "s3",
      completed: true,
      ...changes,
    };
    await db.tx((tx) => insertUpload(tx, upload));
  }
}

const settled = async (limit: number) =>
  (await listUploadsToSettle(db, limit)).map(({ upload }) => upload.uploadId);

test("uploads that are to be kept do not stand in the way of those that are not", async () => {
  await addUploads(await addAttempt(), [
    { uploadId: "current", epoch: 0, step: 40 },
    { uploadId: "next" },
    { uploadId: "open", completed: false },
    { uploadId: "artifact", purpose: "artifact" },
    { uploadId: "cut short", epoch: 0, completed: false },
    { uploadId: "not committed", epoch: 0, step: 50 },
    { uploadId: "replaced", step: 20 },
  ]);
  await addUploads(await addAttempt({ checkpoint: null, epoch: 1 }), [{ uploadId: "first" }]);
  await addUploads(await addAttempt({ state: "failed", leaseExpiresAt: null, finishedAt: new Date() }), [
    { uploadId: "over" },
  ]);
  expect(await settled(10)).toEqual(["cut short", "not committed", "replaced", "over"]);
  expect(await settled(1)).toEqual(["cut short"]);
});

test("a second token for a placement leaves the first one as it is", async () => {
  const { attemptId } = await addAttempt();
  const tokens = ["first", "second"].map((token) => ({ attemptId, epoch: 1, sha256: hashToken(token) }));
  await db.tx((tx) => saveTokens(tx, tokens));
  expect(await findTokenHolder(db, hashToken("first"))).toMatchObject({ attemptId, epoch: 1 });
  expect(await findTokenHolder(db, hashToken("second"))).toMatchObject({ attemptId, epoch: 1 });
});

test("whoever locks a job waits for the one that holds it", async () => {
  const { jobId } = await addAttempt();
  const [locked, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const order: string[] = [];
  const first = db.tx(async (tx) => {
    await lockJob(tx, jobId);
    locked.resolve();
    await release.promise;
    order.push("first");
  });
  await locked.promise;
  const second = db.tx(async (tx) => {
    await lockJob(tx, jobId);
    order.push("second");
  });
  await vi.waitFor(async () => expect(order.length + (await waitingForLocks())).toBe(1), { timeout: 10_000 });
  release.resolve();
  await Promise.all([first, second]);
  expect(order).toEqual(["first", "second"]);
});

async function waitingForLocks(): Promise<number> {
  const { rows } = await sql<{ waiting: number }>`
    select count(*)::int as waiting from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(
    db.q,
  );
  return rows[0]?.waiting ?? 0;
}
