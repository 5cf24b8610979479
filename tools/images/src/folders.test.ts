import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";

let cache: string;

beforeAll(() => {
  cache = mkdtempSync(join(tmpdir(), "folders-"));
  vi.stubEnv("GRADIENTS_CACHE", cache);
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
});

test("a work folder is gone afterwards, with those of the dead, and others' stay", async () => {
  const { folders, inWorkFolder } = await import("./folders.ts");
  const dead = join(folders.archives, `work-${spawnSync("true").pid}`);
  const others = join(folders.archives, `work-${process.ppid}`);
  for (const folder of [dead, others]) mkdirSync(join(folder, "trainer"), { recursive: true });
  await inWorkFolder(async () => expect(existsSync(folders.work)).toBe(true));
  expect([folders.work, dead, others].map((folder) => existsSync(folder))).toEqual([false, false, true]);
});
