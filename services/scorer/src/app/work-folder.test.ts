import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { makeSplitFolder, removeLeftovers } from "./work-folder.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "work-folder-"));
});

afterAll(() => rm(folder, { recursive: true }));

it("removes what dead processes left, and nothing of those that live", async () => {
  const { pid: dead } = spawnSync(process.execPath, ["-e", ""]);
  const ours = basename(await makeSplitFolder(folder));
  const kept = [ours, `split-${process.ppid}-x`, "something-else"];
  for (const name of [...kept.slice(1), `split-${dead}-x`]) await mkdir(join(folder, name));
  await removeLeftovers(folder);
  expect((await readdir(folder)).toSorted()).toEqual(kept.toSorted());
  await removeLeftovers(join(folder, "not there"));
});
