import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { faultTimes, noteFigures } from "@gradients/testkit";
import { expect, test } from "vitest";
import { downloadTo } from "./download-to.ts";
import { DigestMismatch } from "./errors.ts";

const FLIPS = faultTimes(1_000);
const AT_A_TIME = 8;

test(`of ${FLIPS} artifacts with one flipped bit each none is taken for the one that was uploaded`, {
  timeout: 60_000,
}, async () => {
  const content = randomBytes(20_000);
  const expected = {
    size: BigInt(content.length),
    sha256: createHash("sha256").update(content).digest("hex"),
  };
  const folder = mkdtempSync(join(tmpdir(), "flipped-bits-"));
  const server = createServer((request, response) => response.end(flipped(content, request.url ?? "")));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  let found = 0;
  const download = async (index: number) => {
    const path = join(folder, String(index));
    const bit = Math.floor(Math.random() * content.length * 8);
    const outcome = await downloadTo(`http://127.0.0.1:${port}/${bit}`, path, expected).catch(
      (error: unknown) => error,
    );
    if (outcome instanceof DigestMismatch && !existsSync(path) && !existsSync(`${path}.part`)) found += 1;
  };
  try {
    await downloadTo(`http://127.0.0.1:${port}/whole`, join(folder, "whole"), expected);
    const indices = Array.from({ length: FLIPS }, (_, index) => index).values();
    const work = async () => {
      for (const index of indices) await download(index);
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  }
  noteFigures({
    promise: "an artifact with one flipped bit is found, and not kept",
    tries: FLIPS,
    failures: FLIPS - found,
    faults: { "one bit flipped, anywhere": FLIPS },
  });
  expect(found).toBe(FLIPS);
});

/** The path names the bit; without one the content comes as it is. */
function flipped(content: Buffer, url: string): Buffer {
  const bit = Number(url.slice(1));
  const copy = Buffer.from(content);
  if (Number.isInteger(bit)) copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}
