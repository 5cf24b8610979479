import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { hashOf, hasStamp, removeLeftovers, replaceWhole, stampInside, writeStamp } from "./files.mjs";

let folder;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gradients-files-test-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const makeWith = (text) => (target) => {
  mkdirSync(target);
  writeFileSync(join(target, "content"), text);
};

test("a folder is replaced whole; a failure leaves the old one and no rest", async () => {
  const target = join(folder, "made");
  await replaceWhole(target, makeWith("one"));
  await replaceWhole(target, makeWith("two"));
  const fails = replaceWhole(target, async (temporary) => {
    makeWith("half")(temporary);
    throw new Error("cut off");
  });
  await expect(fails).rejects.toThrow("cut off");
  expect(readFileSync(join(target, "content"), "utf8")).toBe("two");
  expect(readdirSync(folder)).toEqual(["made"]);
});

test("what a killed set-up left is removed, everything else stays", () => {
  mkdirSync(join(folder, "python.tmp-123-00ff00ff"));
  writeFileSync(join(folder, "model.tmp-notes"), "");
  removeLeftovers([folder, join(folder, "absent")]);
  expect(readdirSync(folder)).toEqual(["model.tmp-notes"]);
});

test("the hash follows content and names, not the place", () => {
  for (const copy of ["one", "other"]) {
    mkdirSync(join(folder, copy, "proto"), { recursive: true });
    writeFileSync(join(folder, copy, "proto/a"), "same");
  }
  const hashIn = (copy) => hashOf({ files: [join(folder, copy, "proto")], values: ["1.0"] });
  expect(hashIn("one")).toBe(hashIn("other"));
  writeFileSync(join(folder, "other/proto/b"), "");
  expect(hashIn("one")).not.toBe(hashIn("other"));
});

test("a stamp holds for what it was made from, and goes with its folder", () => {
  const target = join(folder, "made");
  mkdirSync(target);
  writeStamp(stampInside(target), "abc");
  expect(hasStamp(stampInside(target), "abc")).toBe(true);
  expect(hasStamp(stampInside(target), "abd")).toBe(false);
  rmSync(target, { recursive: true });
  expect(hasStamp(stampInside(target), "abc")).toBe(false);
  expect(existsSync(target)).toBe(false);
});
