import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { type Input, InputSchema } from "@gradients/contracts/trainer";
import { createObjectStore, type ObjectStore } from "@gradients/objects";
import { testBucket } from "@gradients/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type StagingFolders, stageInputs } from "./stage-inputs.ts";

const never = new AbortController().signal;

let objects: ObjectStore;
let root: string;
let folders: StagingFolders;

beforeAll(async () => {
  objects = createObjectStore(await testBucket());
});
afterAll(() => objects.close());
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "stage-"));
  folders = { workDir: join(root, "work"), cacheDir: join(root, "cache"), engineSeesCache: true };
  return () => rm(root, { recursive: true, force: true });
});

async function input(path: string, content: string, changes: Partial<Input> = {}): Promise<Input> {
  const { key, size, sha256 } = await objects.put(`inputs/${path}`, Buffer.from(content));
  const url = await objects.presignGet(key, { expiresSeconds: 600 });
  return create(InputSchema, { path, url, size, sha256, ...changes });
}

test("brings files to their places and keeps shared ones for the next pod of the node", async () => {
  const weights = await input("model/model.safetensors", "weights", { cacheable: true });
  await stageInputs([weights, await input("data/train.jsonl", "rows")], folders, never);
  expect(await readFile(join(folders.workDir, "data/train.jsonl"), "utf8")).toBe("rows");
  const staged = await stat(join(folders.workDir, "model/model.safetensors"));
  const next = { ...folders, workDir: join(root, "next") };
  await stageInputs([{ ...weights, url: "http://127.0.0.1:9/unreachable" }], next, never);
  expect((await stat(join(next.workDir, "model/model.safetensors"))).ino).toBe(staged.ino);
  expect(await readdir(join(folders.cacheDir, "incoming"))).toEqual([]);
});

test("several pods may fill the cache at the same time", async () => {
  const weights = await input("model/model.safetensors", "x".repeat(100_000), { cacheable: true });
  const works = ["a", "b", "c"].map((name) => ({ ...folders, workDir: join(root, name) }));
  await Promise.all(works.map((work) => stageInputs([weights], work, never)));
  for (const { workDir } of works) {
    expect((await stat(join(workDir, "model/model.safetensors"))).size).toBe(100_000);
  }
});

test("replaces a damaged file of the cache", async () => {
  const weights = await input("model/model.safetensors", "weights", { cacheable: true });
  await stageInputs([weights], folders, never);
  const cached = join(folders.cacheDir, weights.sha256.slice(0, 2), weights.sha256);
  await rm(cached);
  await writeFile(cached, "damaged");
  await stageInputs([weights], { ...folders, workDir: join(root, "next") }, never);
  expect(await readFile(join(root, "next/model/model.safetensors"), "utf8")).toBe("weights");
});

test("refuses content of another digest and places outside the work folder", async () => {
  const sha256 = createHash("sha256").update("other").digest("hex");
  const wrong = await input("data/train.jsonl", "rows", { sha256 });
  await expect(stageInputs([wrong], folders, never)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
  const astray = { ...(await input("data/x", "x")), path: "../../etc/x" };
  await expect(stageInputs([astray], folders, never)).rejects.toThrow("below the work folder");
});
