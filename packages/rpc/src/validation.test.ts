import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { DatasetRefSchema } from "@gradients/contracts/common";
import { BeginUploadRequestSchema, ReportRequestSchema, UploadPurpose } from "@gradients/contracts/trainer";
import { describe, expect, test } from "vitest";
import { RpcError } from "./errors.ts";
import { createRequestValidator } from "./validation.ts";

const validate = createRequestValidator();
const upload = {
  purpose: UploadPurpose.ARTIFACT,
  fileName: "adapter_model.safetensors",
  size: 10n,
  sha256: "a".repeat(64),
};

function violationsOf(init: MessageInitShape<typeof BeginUploadRequestSchema>) {
  return catchViolations(() =>
    validate(BeginUploadRequestSchema, create(BeginUploadRequestSchema, { ...upload, ...init })),
  );
}

function catchViolations(check: () => void) {
  try {
    check();
    return [];
  } catch (error) {
    if (error instanceof RpcError && error.code === "INVALID_ARGUMENT") return error.fieldViolations;
    throw error;
  }
}

describe("request validation", () => {
  test("lets a right request pass", () => {
    expect(violationsOf({})).toEqual([]);
  });

  test("names the field, what would be right and what was found", () => {
    expect(violationsOf({ size: -5n })).toEqual([
      {
        field: "size",
        description: "must be greater than or equal to 0, found -5",
        reason: "INT64_GTE",
      },
    ]);
    expect(violationsOf({ fileName: "../etc/passwd" })).toMatchObject([
      { field: "file_name", description: expect.stringMatching(/pattern .*, found "..\/etc\/passwd"$/) },
    ]);
  });

  test("names an enum's value", () => {
    expect(violationsOf({ purpose: UploadPurpose.UNSPECIFIED })).toMatchObject([
      { field: "purpose", description: expect.stringContaining("found UPLOAD_PURPOSE_UNSPECIFIED") },
    ]);
    expect(violationsOf({ purpose: 77 as UploadPurpose })).toMatchObject([
      { field: "purpose", description: expect.stringContaining("found 77") },
    ]);
  });

  test("reports all broken fields at once", () => {
    const fields = violationsOf({ size: -1n, sha256: "x" }).map(({ field }) => field);
    expect(fields.toSorted()).toEqual(["sha256", "size"]);
  });

  test("gives the path of a nested field, and says when a message is missing", () => {
    const object = { key: "", size: 1n, sha256: "b".repeat(64) };
    const dataset = create(DatasetRefSchema, { datasetId: "d", format: 1, object });
    expect(catchViolations(() => validate(DatasetRefSchema, dataset))).toMatchObject([
      { field: "object.key", description: expect.stringMatching(/found ""$/) },
    ]);
    const without = create(DatasetRefSchema, { datasetId: "d", format: 1 });
    expect(catchViolations(() => validate(DatasetRefSchema, without))).toMatchObject([
      { field: "object", description: expect.stringMatching(/found nothing$/) },
    ]);
  });

  test("counts a list that is too long and shortens a long text", () => {
    const report = create(ReportRequestSchema, {
      phase: "p".repeat(500),
      points: Array.from({ length: 1001 }, () => ({})),
    });
    const violations = catchViolations(() => validate(ReportRequestSchema, report));
    expect(violations).toMatchObject([
      { field: "phase", description: expect.stringMatching(/found "p{79}… \(502 characters\)$/) },
      { field: "points", description: expect.stringMatching(/found 1001 items$/) },
    ]);
  });
});
