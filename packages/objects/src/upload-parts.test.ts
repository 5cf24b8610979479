import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { FileChanged, TransferRefused } from "./errors.ts";
import { type Answer, refuse, startHttp } from "./http-fixture.ts";
import { type SealedFile, sealFile } from "./sealed-file.ts";
import { uploadParts } from "./upload-parts.ts";

const folder = mkdtempSync(join(tmpdir(), "upload-parts-"));
afterAll(() => rmSync(folder, { recursive: true }));
const content = randomBytes(250_000);
const path = join(folder, "artifact.bin");
writeFileSync(path, content);

const opened: FileHandle[] = [];
afterEach(() => Promise.all(opened.splice(0).map((handle) => handle.close())));

async function seal(file = path): Promise<SealedFile> {
  const handle = await open(file, "r");
  opened.push(handle);
  return sealFile(handle, file);
}

describe("uploadParts", () => {
  test("sends each part with its length and returns the ETags in part order", async () => {
    const { store, received } = storing();
    await using server = await startHttp(store);
    const progress: number[] = [];
    const etags = await uploadParts(await seal(), {
      partUrls: urls(server.url, 3),
      partSize: 100_000n,
      onProgress: (bytes) => progress.push(bytes),
    });
    expect(etags).toEqual(['"part-1"', '"part-2"', '"part-3"']);
    expect(
      Buffer.concat([1, 2, 3].map((part) => received.get(part) ?? Buffer.alloc(0))).equals(content),
    ).toBe(true);
    expect(progress.at(-1)).toBe(content.length);
  });

  test("sends an empty file as one empty part", async () => {
    const { store, received } = storing();
    await using server = await startHttp(store);
    const empty = join(folder, "empty");
    writeFileSync(empty, "");
    expect(await uploadParts(await seal(empty), { partUrls: urls(server.url, 1), partSize: 100 })).toEqual([
      '"part-1"',
    ]);
    expect(received.get(1)?.length).toBe(0);
  });

  test("tries a part again that failed, and only that one", async () => {
    const { store, received } = storing();
    await using server = await startHttp(
      store,
      refuse(500),
      store,
      (request) => request.socket.destroy(),
      store,
    );
    const etags = await uploadParts(await seal(), { partUrls: urls(server.url, 3), partSize: 100_000 });
    expect(etags).toEqual(['"part-1"', '"part-2"', '"part-3"']);
    expect(
      Buffer.concat([1, 2, 3].map((part) => received.get(part) ?? Buffer.alloc(0))).equals(content),
    ).toBe(true);
    expect(server.requests.length).toBe(5);
  });

  test("gives up at once when a URL has expired", async () => {
    await using server = await startHttp(refuse(403));
    await expect(
      uploadParts(await seal(), { partUrls: urls(server.url, 3), partSize: 100_000 }),
    ).rejects.toBeInstanceOf(TransferRefused);
  });

  test("refuses a number of URLs that does not fit the file", async () => {
    await expect(
      uploadParts(await seal(), { partUrls: ["http://127.0.0.1:1/"], partSize: 100_000 }),
    ).rejects.toThrow("250000 bytes, that is 3 parts of 100000, but there are 1 URLs");
  });

  test("ends with the signal's reason", async () => {
    await using server = await startHttp(() => {});
    const reason = new Error("the pod is stopping");
    const controller = new AbortController();
    const upload = uploadParts(await seal(), {
      partUrls: urls(server.url, 3),
      partSize: 100_000,
      signal: controller.signal,
    });
    setTimeout(() => controller.abort(reason), 50);
    await expect(upload).rejects.toBe(reason);
  });
});

test("a sealed file reads any part of what was there, and says so when that has changed", async () => {
  const large = randomBytes(3 * 1024 * 1024 + 17);
  const file = join(folder, "large.bin");
  writeFileSync(file, large);
  const sealed = await seal(file);
  expect(sealed.sha256).toBe(createHash("sha256").update(large).digest("hex"));
  const ranges = [
    [0, large.length],
    [1024 * 1024 - 5, 2 * 1024 * 1024 + 9],
    [7, 8],
  ] as const;
  for (const [start, end] of ranges) {
    expect((await buffer(sealed.read(start, end))).equals(large.subarray(start, end))).toBe(true);
  }
  writeFileSync(file, Buffer.from("X"), { flag: "r+" });
  expect((await buffer(sealed.read(2_000_000, 3_000_000))).length).toBe(1_000_000);
  await expect(buffer(sealed.read(10, 20))).rejects.toBeInstanceOf(FileChanged);
  writeFileSync(file, "short");
  await expect(buffer(sealed.read(2_000_000, 3_000_000))).rejects.toBeInstanceOf(FileChanged);
});

test("a file that changes while it is uploaded ends the upload at once", async () => {
  const { store } = storing();
  await using server = await startHttp(store, store);
  const file = join(folder, "changing.bin");
  writeFileSync(file, content);
  const sealed = await seal(file);
  writeFileSync(file, randomBytes(content.length));
  const upload = uploadParts(sealed, { partUrls: urls(server.url, 1), partSize: 300_000 });
  await expect(upload).rejects.toBeInstanceOf(FileChanged);
});

function urls(base: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${base}&partNumber=${index + 1}`);
}

/** Refuses, as S3 does, a part without a length. */
function storing() {
  const received = new Map<number, Buffer>();
  const store: Answer = (request, response) => {
    const part = Number(new URL(request.url ?? "", "http://x").searchParams.get("partNumber"));
    if (request.headers["content-length"] === undefined) return refuse(411)(request, response);
    void buffer(request).then((bytes) => {
      received.set(part, bytes);
      response.writeHead(200, { etag: `"part-${part}"` }).end();
    });
  };
  return { store, received };
}
