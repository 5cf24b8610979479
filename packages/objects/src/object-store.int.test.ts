import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ListMultipartUploadsCommand, S3Client } from "@aws-sdk/client-s3";
import { type TestBucket, testBucket } from "@gradients/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sha256OfFile } from "./digest.ts";
import { downloadTo } from "./download-to.ts";
import { DigestMismatch, ObjectNotFound, TransferRefused } from "./errors.ts";
import { createObjectStore, type ObjectStore } from "./object-store.ts";
import { sealFile } from "./sealed-file.ts";
import { uploadParts } from "./upload-parts.ts";

const MIB = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), "object-store-"));
let bucket: TestBucket;
let store: ObjectStore;

beforeAll(async () => {
  bucket = await testBucket();
  store = createObjectStore(bucket);
});
afterAll(() => {
  store.close();
  rmSync(folder, { recursive: true });
});

describe("put and get", () => {
  test.each([
    ["an empty object", 0],
    ["a small one", 1000],
    ["one of several parts", 20 * MIB + 7],
  ])("%s comes back as it was", async (_what, size) => {
    const content = randomBytes(size);
    const ref = await store.put(`round-trip/${size}`, chunked(content));
    expect(ref).toEqual({ key: `round-trip/${size}`, size: BigInt(size), sha256: sha256(content) });
    expect((await collect(store.get(ref))).equals(content)).toBe(true);
    expect(await store.head(ref.key)).toMatchObject({ key: ref.key, size: BigInt(size) });
  });

  test("bytes in memory, with their type", async () => {
    const ref = await store.put("text.json", Buffer.from("{}"), { contentType: "application/json" });
    expect(await store.head(ref.key)).toMatchObject({ size: 2n, contentType: "application/json" });
  });

  test("keys may hold what file names hold", async () => {
    const ref = await store.put("datasets/ä b/+%&?#'.jsonl", Buffer.from("x"));
    expect((await collect(store.get(ref))).toString()).toBe("x");
  });

  test.each([
    ["a small object", 1000],
    ["one of several parts", 20 * MIB],
  ])("%s of another digest than promised is not stored", async (_what, size) => {
    const put = store.put(`promised/${size}`, chunked(randomBytes(size)), { sha256: "0".repeat(64) });
    await expect(put).rejects.toBeInstanceOf(DigestMismatch);
    expect(await store.exists(`promised/${size}`)).toBe(false);
    expect(await openUploads(`promised/${size}`)).toBe(0);
  });

  test("what breaks at its source is not stored", async () => {
    async function* broken() {
      yield randomBytes(12 * MIB);
      throw new Error("the caller hung up");
    }
    await expect(store.put("broken", broken())).rejects.toThrow("the caller hung up");
    expect(await store.exists("broken")).toBe(false);
    expect(await openUploads("broken")).toBe(0);
  });

  test("an aborted put rejects with the signal's reason and stores nothing", async () => {
    const controller = new AbortController();
    const reason = new Error("stopping");
    async function* slow() {
      yield randomBytes(12 * MIB);
      controller.abort(reason);
      yield randomBytes(12 * MIB);
    }
    await expect(store.put("aborted", slow(), { signal: controller.signal })).rejects.toBe(reason);
    expect(await store.exists("aborted")).toBe(false);
    expect(await openUploads("aborted")).toBe(0);
  });

  test("what was opened and never heard of is closed with the put of the same key", async () => {
    await store.createMultipart("opened-twice");
    await store.put("opened-twice", chunked(randomBytes(9 * MIB)));
    expect(await openUploads("opened-twice")).toBe(0);
  });

  test("content that was replaced is noticed by whoever reads the old reference", async () => {
    const ref = await store.put("replaced", Buffer.from("original"));
    await store.put("replaced", Buffer.from("tampered"));
    const error = await collect(store.get(ref)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DigestMismatch);
    expect(error).toMatchObject({ code: "DIGEST_MISMATCH", subject: "replaced", expected: ref });
  });

  test("a truncated or longer object is noticed, too", async () => {
    const ref = await store.put("resized", Buffer.from("eight by"));
    await store.put("resized", Buffer.from("eight"));
    await expect(collect(store.get(ref))).rejects.toBeInstanceOf(DigestMismatch);
    await store.put("resized", Buffer.from("eight bytes"));
    await expect(collect(store.get(ref))).rejects.toBeInstanceOf(DigestMismatch);
  });

  test("a part of an object is read alone", async () => {
    await store.put("ranged", Buffer.from("0123456789"));
    expect(Buffer.from(await store.getRange("ranged", 2, 5)).toString()).toBe("234");
    expect(await store.getRange("ranged", 5, 5)).toHaveLength(0);
    await expect(store.getRange("nowhere", 0, 1)).rejects.toBeInstanceOf(ObjectNotFound);
  });

  test("what is not there is named", async () => {
    const ref = { key: "nowhere", size: 1n, sha256: sha256(Buffer.alloc(0)) };
    await expect(collect(store.get(ref))).rejects.toBeInstanceOf(ObjectNotFound);
    expect(await store.head("nowhere")).toBeUndefined();
  });

  test("a read is cut by its signal", async () => {
    const ref = await store.put("long", chunked(randomBytes(10 * MIB)));
    const controller = new AbortController();
    const reason = new Error("stopping");
    const read = (async () => {
      for await (const _ of store.get(ref, controller.signal)) controller.abort(reason);
    })();
    await expect(read).rejects.toBe(reason);
  });
});

describe("deleting", () => {
  test("one object; a second time is no error", async () => {
    const { key } = await store.put("gone", Buffer.from("x"));
    await store.delete(key);
    expect(await store.exists(key)).toBe(false);
    await store.delete(key);
  });

  test("a prefix, and nothing beside it", async () => {
    const keys = ["jobs/a/1", "jobs/a/2/3", "jobs/ab"];
    for (const key of keys) await store.put(key, Buffer.from(key));
    expect(await store.deletePrefix("jobs/a/")).toBe(2);
    expect(await Promise.all(keys.map((key) => store.exists(key)))).toEqual([false, false, true]);
    await expect(store.deletePrefix("")).rejects.toThrow("whole bucket");
  });
});

describe("presigned downloads", () => {
  test("arrive checked, under the given name", async () => {
    const content = randomBytes(3 * MIB);
    const ref = await store.put("artifact.bin", content);
    const url = await store.presignGet(ref.key, { expiresSeconds: 60, filename: 'Modell "ü".safetensors' });
    const response = await fetch(url);
    expect(response.headers.get("content-disposition")).toBe(
      `attachment; filename="Modell ___.safetensors"; filename*=UTF-8''Modell%20%22%C3%BC%22.safetensors`,
    );
    await response.body?.cancel();
    const path = join(folder, "artifact.bin");
    await downloadTo(url, path, ref);
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  test("go on with a Range request after a break", async () => {
    const content = randomBytes(3 * MIB);
    const ref = await store.put("resumed.bin", content);
    const path = join(folder, "resumed.bin");
    writeFileSync(`${path}.part`, content.subarray(0, MIB + 1));
    await downloadTo(await store.presignGet(ref.key, { expiresSeconds: 60 }), path, ref);
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  test("are refused once changed", async () => {
    const ref = await store.put("secret.bin", Buffer.from("x"));
    const url = await store.presignGet(ref.key, { expiresSeconds: 60 });
    const forged = url.replace("secret.bin", "text.json");
    await expect(downloadTo(forged, join(folder, "forged"), ref)).rejects.toBeInstanceOf(TransferRefused);
  });

  test("point to the public endpoint when there is one", async () => {
    const behindProxy = createObjectStore({ ...bucket, publicEndpoint: "https://files.example.org" });
    const url = await behindProxy.presignGet("a b", { expiresSeconds: 60 });
    expect(url.startsWith(`https://files.example.org/${bucket.bucket}/a%20b?`)).toBe(true);
    behindProxy.close();
  });
});

describe("multipart uploads by presigned URL", () => {
  test("make one object of a file's parts", async () => {
    const content = randomBytes(12 * MIB + 5);
    const path = join(folder, "upload.bin");
    writeFileSync(path, content);
    const partSize = 5 * MIB;
    const uploadId = await store.createMultipart("uploaded.bin");
    const partUrls = await Promise.all(
      [1, 2, 3].map((part) => store.presignPart("uploaded.bin", uploadId, part)),
    );
    await using handle = await open(path, "r");
    const etags = await uploadParts(await sealFile(handle, path), { partUrls, partSize });
    expect(await store.exists("uploaded.bin")).toBe(false);
    await store.completeMultipart("uploaded.bin", uploadId, etags);
    const ref = { key: "uploaded.bin", ...(await sha256OfFile(path)) };
    expect((await collect(store.get(ref))).equals(content)).toBe(true);
  });

  test("can be given up by its key alone, twice, and no other goes with it", async () => {
    const uploadId = await store.createMultipart("abandoned.bin");
    await store.createMultipart("abandoned.bin");
    await store.createMultipart("abandoned.bin.other");
    await store.abortMultiparts("abandoned.bin");
    await store.abortMultiparts("abandoned.bin");
    expect(await openUploads("abandoned.bin")).toBe(1);
    await expect(store.completeMultipart("abandoned.bin", uploadId, ['"x"'])).rejects.toThrow();
  });
});

test("ensureBucket makes a bucket once", async () => {
  const fresh = createObjectStore({ ...bucket, bucket: `${bucket.bucket}-fresh` });
  await fresh.ensureBucket();
  await fresh.ensureBucket();
  await fresh.put("x", Buffer.from("x"));
  fresh.close();
});

async function openUploads(prefix: string): Promise<number> {
  const { endpoint, region, accessKeyId, secretAccessKey } = bucket;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
  try {
    const { Uploads = [] } = await client.send(
      new ListMultipartUploadsCommand({ Bucket: bucket.bucket, Prefix: prefix }),
    );
    return Uploads.length;
  } finally {
    client.destroy();
  }
}

async function* chunked(content: Buffer): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < content.length; offset += 100_000)
    yield content.subarray(offset, offset + 100_000);
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
