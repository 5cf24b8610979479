import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { FileRefSchema, ObjectRefSchema } from "./common.ts";
import { IncompleteMessage } from "./incomplete-message.ts";
import { fromFile, fromObject, toFile, toObject } from "./stored-object.ts";

const stored = { key: "jobs/j/evidence.json", size: 2 ** 40, sha256: "ab".repeat(32) };

test("references go through a message and back unchanged", () => {
  expect(toObject(create(ObjectRefSchema, fromObject(stored)), "evidence")).toEqual(stored);
  const file = { name: "a.safetensors", object: stored };
  expect(toFile(create(FileRefSchema, fromFile(file)))).toEqual(file);
});

test("a missing one is named", () => {
  expect(() => toObject(undefined, "training rows")).toThrow(new IncompleteMessage("training rows"));
  expect(() => toFile(create(FileRefSchema, { name: "a" }))).toThrow("no object of a");
});
