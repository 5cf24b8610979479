import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Clock, systemClock } from "@gradients/kernel";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { downloadTo } from "./download-to.ts";
import { DigestMismatch, TransferFailed, TransferRefused } from "./errors.ts";
import { breakAfter, refuse, serve, startHttp } from "./http-fixture.ts";

const folder = mkdtempSync(join(tmpdir(), "download-to-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Does not wait between two tries. */
const impatient: Clock = { ...systemClock, sleep: async (_ms, signal) => signal?.throwIfAborted() };
const content = randomBytes(3_000_000);
const expected = { size: BigInt(content.length), sha256: sha256(content) };
let path = "";
let number = 0;
beforeEach(() => {
  path = join(folder, String(number++), "deep", "model.safetensors");
});

describe("downloadTo", () => {
  test("writes the file under its name, and nothing else", async () => {
    await using server = await startHttp(serve(content));
    await downloadTo(server.url, path, expected, undefined, impatient);
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(existsSync(`${path}.part`)).toBe(false);
    expect(server.requests).toEqual(["GET"]);
  });

  test("takes an empty file", async () => {
    await using server = await startHttp(serve(Buffer.alloc(0)));
    await downloadTo(server.url, path, { size: 0, sha256: sha256(Buffer.alloc(0)) }, undefined, impatient);
    expect(readFileSync(path).length).toBe(0);
  });

  test("goes on where a broken connection left off", async () => {
    await using server = await startHttp(
      breakAfter(content, 1_000_000),
      breakAfter(content, 500_000),
      serve(content),
    );
    await downloadTo(server.url, path, expected, undefined, impatient);
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(server.requests).toEqual([
      "GET",
      expect.stringMatching(/bytes=[1-9]/),
      expect.stringMatching(/bytes=1\d{6}-/),
    ]);
  });

  test("goes on where an earlier process left off", async () => {
    await using server = await startHttp(breakAfter(content, 1_000_000), () => {});
    await expect(downloadTo(server.url, path, expected, AbortSignal.timeout(300))).rejects.toMatchObject({
      name: "TimeoutError",
    });
    const held = readFileSync(`${path}.part`).length;
    expect(held).toBeGreaterThan(0);
    await using next = await startHttp(serve(content));
    await downloadTo(next.url, path, expected, undefined, impatient);
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(next.requests).toEqual([`GET bytes=${held}-`]);
  });

  test("starts over when what was left is of something else", async () => {
    await using server = await startHttp(serve(content));
    await downloadTo(server.url, path, expected, undefined, impatient);
    rmSync(path);
    writeFileSync(`${path}.part`, randomBytes(1_000_000));
    await downloadTo(server.url, path, expected, undefined, impatient);
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(server.requests.slice(1)).toEqual(["GET bytes=1000000-", "GET"]);
  });

  test("starts over when what was left is longer than the file", async () => {
    await using server = await startHttp(serve(content));
    await downloadTo(server.url, path, expected, undefined, impatient);
    writeFileSync(`${path}.part`, randomBytes(4_000_000));
    await downloadTo(server.url, path, expected, undefined, impatient);
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  test("copes with a server that ignores Range", async () => {
    await using server = await startHttp(breakAfter(content, 1_000_000), (request, response) => {
      delete request.headers.range;
      serve(content)(request, response);
    });
    await downloadTo(server.url, path, expected, undefined, impatient);
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  test("copes with a server that sends another range than asked for", async () => {
    await using server = await startHttp(breakAfter(content, 1_000_000), (_request, response) => {
      const range = `bytes 0-${content.length - 1}/${content.length}`;
      response.writeHead(206, { "content-length": content.length, "content-range": range }).end(content);
    });
    await downloadTo(server.url, path, expected, undefined, impatient);
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(server.requests.length).toBe(2);
  });

  test("waits out a server that is busy", async () => {
    await using server = await startHttp(refuse(503), refuse(429), serve(content));
    await downloadTo(server.url, path, expected, undefined, impatient);
    expect(server.requests.length).toBe(3);
  });

  test.each([
    ["other bytes", randomBytes(content.length)],
    ["too few bytes", content.subarray(0, -1)],
    ["too many bytes", Buffer.concat([content, Buffer.from("x")])],
  ])("refuses %s and leaves no file", async (_what, wrong) => {
    await using server = await startHttp(serve(wrong));
    const download = downloadTo(server.url, path, expected, undefined, impatient);
    await expect(download).rejects.toBeInstanceOf(DigestMismatch);
    expect(existsSync(path)).toBe(false);
    expect(existsSync(`${path}.part`)).toBe(false);
  });

  test("gives up at once on an expired URL, and does not repeat its signature", async () => {
    await using server = await startHttp(refuse(403, "<Code>AccessDenied</Code>"));
    const error = await downloadTo(server.url, path, expected).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TransferRefused);
    expect(error).toMatchObject({ code: "TRANSFER_REFUSED", status: 403 });
    expect(String(error)).toContain("AccessDenied");
    expect(String(error)).not.toContain("secret");
    expect(server.requests.length).toBe(1);
  });

  test("gives up in the end on a server that never gets anywhere", async () => {
    await using server = await startHttp(breakAfter(content, 0));
    await expect(downloadTo(server.url, path, expected, undefined, impatient)).rejects.toBeInstanceOf(
      TransferFailed,
    );
  });

  test("gives up in the end on a server that ignores Range and always breaks at the same place", async () => {
    await using server = await startHttp((request, response) => {
      delete request.headers.range;
      breakAfter(content, 1_000_000)(request, response);
    });
    await expect(downloadTo(server.url, path, expected, undefined, impatient)).rejects.toBeInstanceOf(
      TransferFailed,
    );
  });

  test("ends with the signal's reason", async () => {
    await using server = await startHttp(breakAfter(content, 10));
    const controller = new AbortController();
    const reason = new Error("the pod is stopping");
    const download = downloadTo(server.url, path, expected, controller.signal);
    setTimeout(() => controller.abort(reason), 50);
    await expect(download).rejects.toBe(reason);
  });
});

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
