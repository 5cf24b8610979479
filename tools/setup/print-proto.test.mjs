import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { create, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { afterAll, expect, test } from "vitest";
import { printProto } from "./print-proto.mjs";

const modules = join(dirname(fileURLToPath(import.meta.url)), "../../node_modules");
const folder = mkdtempSync(join(tmpdir(), "print-proto-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("what protovalidate embeds survives printing and compiling", async () => {
  const generated = join(modules, "@bufbuild/protovalidate/dist/esm/gen/buf/validate/validate_pb.js");
  const { file_buf_validate_validate: file } = await import(pathToFileURL(generated).href);
  const compiled = compile("buf/validate/validate.proto", printProto(file.proto));
  expect(shapeOf(compiled)).toEqual(shapeOf(file.proto));
});

test("a proto3 file survives printing and compiling", () => {
  const source = `
    syntax = "proto3";
    package sample.v1;
    message Outer {
      reserved 3, 5 to 7, 1000 to max;
      reserved "gone";
      enum Kind { option allow_alias = true; KIND_UNSPECIFIED = 0; KIND_A = 1; KIND_B = 1; reserved 4 to 6; }
      message Inner { repeated int64 numbers = 1 [packed = false]; }
      optional string name = 1;
      oneof choice { Inner inner = 2; bytes raw = 4; }
      map<string, Inner> by_name = 8;
      map<int32, double> weights = 9;
      Kind kind = 10 [json_name = "k", deprecated = true];
    }`;
  const first = compile("sample.proto", source);
  expect(shapeOf(compile("sample.proto", printProto(first)))).toEqual(shapeOf(first));
});

function compile(path, source) {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), source);
  const args = ["build", folder, "--as-file-descriptor-set", "--exclude-source-info", "-o", "-"];
  const set = fromBinary(FileDescriptorSetSchema, execFileSync(join(modules, ".bin/buf"), args));
  return set.file.find((file) => file.name === path);
}

/**
 * A descriptor as plain data, without the options that printing leaves out. Protobuf-es keeps unset ones in
 * the prototype.
 */
function shapeOf(file) {
  const text = JSON.stringify(create(FileDescriptorProtoSchema, file), (key, value) => {
    if (key === "name" && value === file.name) return undefined;
    return key === "options" ? printedOptions(value) : value;
  });
  return JSON.parse(text);
}

function printedOptions(options) {
  const printed = ["packed", "deprecated", "mapEntry", "allowAlias"];
  const set = printed.filter((name) => Object.hasOwn(options, name)).map((name) => [name, options[name]]);
  return set.length > 0 ? Object.fromEntries(set) : undefined;
}
