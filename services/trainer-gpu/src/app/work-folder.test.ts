import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { WorkFolder } from "./work-folder.ts";

let root: string;
let work: WorkFolder;
const output = (...names: string[]) => join(root, "work/output", ...names);

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "work-folder-"));
  writeFileSync(join(root, "secret"), "token");
  work = await WorkFolder.create(join(root, "work"));
  return async () => {
    await work[Symbol.asyncDispose]();
    rmSync(root, { recursive: true });
  };
});

async function contentsOf(folder: string): Promise<Record<string, string>> {
  await using opened = await work.openFiles(folder);
  const texts = opened.files.map(async ({ name, handle }) => [name, await handle.readFile("utf8")] as const);
  return Object.fromEntries(await Promise.all(texts));
}

test("is the agent's to change, and the engine's where it brings its results", () => {
  const modeOf = (name: string) => (statSync(join(root, "work", name)).mode & 0o777).toString(8);
  expect([".", "output", "checkpoints"].map(modeOf)).toEqual(["750", "770", "770"]);
});

test("gives the files of a folder, by a path of either kind", async () => {
  writeFileSync(output("b.json"), "B");
  writeFileSync(output("a.txt"), "A");
  mkdirSync(output("folder"));
  expect(await contentsOf("output")).toEqual({ "a.txt": "A", "b.json": "B" });
  expect(await contentsOf(output())).toEqual({ "a.txt": "A", "b.json": "B" });
});

test("holds on to files that are removed or exchanged once they are open", async () => {
  writeFileSync(output("weights"), "mine");
  await using opened = await work.openFiles("output");
  rmSync(output("weights"));
  symlinkSync(join(root, "secret"), output("weights"));
  expect(await opened.files[0]?.handle.readFile("utf8")).toBe("mine");
});

test("takes no file that is larger than the disk it lies on", async () => {
  await using small = await WorkFolder.create(join(root, "work"), 10);
  writeFileSync(output("a"), "12345");
  writeFileSync(output("b"), "12345");
  await (await small.openFiles("output"))[Symbol.asyncDispose]();
  truncateSync(output("b"), 2 ** 40);
  await expect(small.openFiles("output")).rejects.toThrow(/more than 10 bytes/);
});

describe("leads nowhere else", () => {
  test.each(["../secret", "..", ".", "output/../..", "/etc", ""])("by the name %j", async (folder) => {
    await expect(work.openFiles(folder)).rejects.toThrow("outside the work folder");
  });

  test("by a link in place of a file", async () => {
    symlinkSync(join(root, "secret"), output("weights"));
    await expect(work.openFiles("output")).rejects.toThrow("weights cannot be read: it is a link");
  });

  test("by a link in place of a folder", async () => {
    mkdirSync(join(root, "private"));
    writeFileSync(join(root, "private/key"), "token");
    symlinkSync(join(root, "private"), join(root, "work/checkpoints/5"));
    await expect(work.openFiles("checkpoints/5")).rejects.toThrow("checkpoints/5 cannot be read");
    await expect(work.openFiles("checkpoints/5/more")).rejects.toThrow("cannot be read");
  });

  test.runIf(process.platform === "linux")("by another folder under its own name", async () => {
    writeFileSync(output("weights"), "mine");
    renameSync(join(root, "work"), join(root, "moved"));
    mkdirSync(join(root, "work/output"), { recursive: true });
    writeFileSync(output("weights"), "exchanged");
    expect(await contentsOf("output")).toEqual({ weights: "mine" });
    writeFileSync(join(work.root, "spec.json"), "{}");
    expect(statSync(join(root, "moved/spec.json")).size).toBe(2);
  });
});

describe("refuses", () => {
  test("a named pipe, without waiting for its writer", async () => {
    execFileSync("mkfifo", [output("weights")]);
    await expect(work.openFiles("output")).rejects.toThrow("weights is no regular file");
  });

  test("a socket", async () => {
    const server = createServer().listen(output("weights"));
    await expect(work.openFiles("output")).rejects.toThrow("weights cannot be read: it is no regular file");
    await new Promise((resolve) => server.close(resolve));
  });

  test("a folder that is not there, and a file in its place", async () => {
    await expect(work.openFiles("output/none")).rejects.toThrow("it is not there");
    writeFileSync(output("none"), "");
    await expect(work.openFiles("output/none")).rejects.toThrow("it is no folder");
  });

  test("more files than anybody needs", async () => {
    for (let index = 0; index <= 200; index++) writeFileSync(output(`${index}.json`), "");
    await expect(work.openFiles("output")).rejects.toThrow("more than 200 files");
  });

  test("a work folder that somebody has put a link for", async () => {
    symlinkSync(root, join(root, "link"));
    await expect(WorkFolder.create(join(root, "link"))).rejects.toThrow();
  });

  test.skipIf(process.getuid?.() === 0)("a file that its mode keeps us from", async () => {
    writeFileSync(output("weights"), "x");
    chmodSync(output("weights"), 0);
    await expect(work.openFiles("output")).rejects.toThrow("its mode keeps the group out");
  });
});
