import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import pg from "pg";
import { afterAll, expect, test } from "vitest";
import { paths } from "../../../tools/setup/paths.mjs";
import { startNats } from "./nats.ts";
import { startPostgres } from "./postgres.ts";
import { createS3Client, startS3 } from "./s3.ts";
import { testBucket } from "./test-bucket.ts";
import { createTestDatabase } from "./test-database.ts";
import { ServerStartError } from "./until-ready.ts";

const kept = mkdtempSync(join(paths.scratch, "gradients-kept-test-"));
chmodSync(kept, 0o755); // PostgreSQL's own user must get through
afterAll(() => rmSync(kept, { recursive: true, force: true }));

test("PostgreSQL with a data folder keeps its rows over a restart, without one it leaves nothing", async () => {
  const dataDir = join(kept, "postgres");
  const first = await startPostgres({ dataDir });
  await query(first.url, "create table note (text text not null)");
  await query(first.url, "insert into note values ('kept')");
  expect(await query(first.url, "show fsync")).toEqual([{ fsync: "on" }]);
  await first.stop();

  await using second = await startPostgres({ dataDir });
  expect(await query(second.url, "select text from note")).toEqual([{ text: "kept" }]);

  const passing = await startPostgres({ durable: false });
  expect(await query(passing.url, "show fsync")).toEqual([{ fsync: "off" }]);
  await passing.stop();
  expect(existsSync(dirname(passing.logFile))).toBe(false);
}, 60_000);

test("a test database is a copy of its template, which is prepared once for all who ask", async () => {
  let prepared = 0;
  const template = {
    template: "testkit_notes",
    prepare: async (url: string) => {
      prepared += 1;
      await query(url, "create table note (text text not null)");
      await query(url, "insert into note values ('from the template')");
    },
  };
  const [one, other] = await Promise.all([createTestDatabase(template), createTestDatabase(template)]);
  await query(one.url, "delete from note");
  expect(await query(one.url, "select text from note")).toEqual([]);
  expect(await query(other.url, "select text from note")).toEqual([{ text: "from the template" }]);
  expect(prepared).toBe(1);
  await Promise.all([one.drop(), other.drop()]);
  await expect(query(one.url, "select 1")).rejects.toThrow("does not exist");
});

test("a preparation that fails leaves no template behind", async () => {
  const template = "testkit_broken";
  const failing = createTestDatabase({
    template,
    prepare: () => Promise.reject(new Error("migration failed")),
  });
  await expect(failing).rejects.toThrow("migration failed");
  await using database = await createTestDatabase({
    template,
    prepare: async (url) => void (await query(url, "create table made_later ()")),
  });
  expect(await query(database.url, "select 1 as one from made_later")).toEqual([]);
});

test("a nats-server whose port is taken fails with the end of its log", async () => {
  await using first = await startNats();
  const second = startNats({ port: first.port });
  await expect(second).rejects.toThrow(ServerStartError);
  await expect(second).rejects.toThrow(/address already in use/);
});

test("the S3 server keeps an object over a restart under the same address and key", async () => {
  const dataDir = join(kept, "s3");
  const first = await startS3({ dataDir });
  const body = randomBytes(100_000);
  const client = createS3Client(first);
  await client.send(new CreateBucketCommand({ Bucket: "kept" }));
  await client.send(new PutObjectCommand({ Bucket: "kept", Key: "a/b", Body: body }));
  await first.stop();

  await using second = await startS3({ dataDir });
  expect(second.endpoint).toBe(first.endpoint);
  const object = await createS3Client(second).send(new GetObjectCommand({ Bucket: "kept", Key: "a/b" }));
  expect(Buffer.from((await object.Body?.transformToByteArray()) ?? []).equals(body)).toBe(true);
}, 60_000);

test("each test bucket is empty, and none opens without the key", async () => {
  const [one, other] = await Promise.all([testBucket(), testBucket()]);
  const client = createS3Client(one);
  await client.send(new PutObjectCommand({ Bucket: one.bucket, Key: "only-here", Body: "x" }));
  const { KeyCount } = await client.send(new ListObjectsV2Command({ Bucket: other.bucket }));
  expect(KeyCount).toBe(0);
  const stranger = createS3Client({ ...one, secretAccessKey: "wrong" });
  await expect(
    stranger.send(new GetObjectCommand({ Bucket: one.bucket, Key: "only-here" })),
  ).rejects.toThrow();
});

async function query(url: string, sql: string): Promise<readonly unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return rows;
  } finally {
    await client.end();
  }
}
