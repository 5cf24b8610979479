import type { AttemptId } from "@gradients/kernel";
import { describe, expect, test } from "vitest";
import {
  fateOfUpload,
  findUploads,
  planUpload,
  type Upload,
  type UploadOwner,
  type UploadRequest,
} from "./uploads.ts";

const MIB = 1024 * 1024;

const request: UploadRequest = {
  kind: "train",
  jobId: "j",
  attemptId: "a",
  epoch: 1,
  purpose: "artifact",
  fileName: "adapter_model.safetensors",
  size: 20 * MIB,
  step: 0,
};

describe("planUpload", () => {
  test("cuts a file into parts that S3 takes", () => {
    expect(planUpload(request, 100 * MIB)).toEqual({
      ok: true,
      value: { key: "jobs/j/attempts/a/artifact/1/adapter_model.safetensors", partSize: 8 * MIB, parts: 3 },
    });
    expect(planUpload({ ...request, size: 0 }, 1)).toMatchObject({ value: { parts: 1 } });
    expect(planUpload({ ...request, size: 2 ** 43 }, 2 ** 44)).toMatchObject({ value: { parts: 1000 } });
  });

  test("refuses pickles, files that are too large, and what this kind of attempt has no use for", () => {
    expect(planUpload({ ...request, fileName: "pytorch_model.bin" }, 100 * MIB)).toMatchObject({
      error: { code: "FILE_NOT_ALLOWED", failure: { code: "ARTIFACT_UNSAFE" } },
    });
    expect(planUpload(request, MIB)).toMatchObject({ error: { code: "FILE_TOO_LARGE", maxBytes: MIB } });
    expect(planUpload({ ...request, purpose: "scores" }, 100 * MIB)).toMatchObject({
      error: { code: "WRONG_PURPOSE" },
    });
    expect(planUpload({ ...request, kind: "evaluate" }, 100 * MIB)).toMatchObject({
      error: { code: "WRONG_PURPOSE" },
    });
  });
});

function upload(changes: Partial<Upload> = {}): Upload {
  return {
    uploadId: "u",
    attemptId: "a" as AttemptId,
    epoch: 1,
    purpose: "checkpoint",
    step: 40,
    file: { name: "f.safetensors", object: { key: "k", size: 3, sha256: "00" } },
    s3UploadId: "s3",
    completed: true,
    ...changes,
  };
}

const running: UploadOwner = { isOver: false, epoch: 1, checkpoint: null, result: null };
const committed = { step: 40, trainSeconds: 9, files: [upload().file] };
const stats = {
  steps: 1,
  examples: 1,
  tokens: 1,
  trainSeconds: 1,
  finalLoss: 1,
  trainableParameters: 1,
  peakMemoryBytes: 1,
  engineVersion: "1",
  device: "cpu",
};

describe("fateOfUpload", () => {
  test("keeps the checkpoint that a retry needs, also over a change of epoch", () => {
    expect(fateOfUpload(upload(), { ...running, checkpoint: committed })).toBe("keep");
    expect(fateOfUpload(upload(), { ...running, epoch: 2, checkpoint: committed })).toBe("keep");
    expect(fateOfUpload(upload(), running)).toBe("keep");
  });

  test("deletes checkpoints that are replaced, belong to an ended placement or an ended attempt", () => {
    const newer = { step: 80, trainSeconds: 18, files: [] };
    expect(fateOfUpload(upload(), { ...running, checkpoint: newer })).toBe("delete");
    expect(fateOfUpload(upload({ step: 90 }), { ...running, checkpoint: newer })).toBe("keep");
    expect(fateOfUpload(upload({ step: 90 }), { ...running, epoch: 2, checkpoint: newer })).toBe("delete");
    expect(fateOfUpload(upload(), { ...running, isOver: true, checkpoint: committed })).toBe("delete");
  });

  test("aborts what was cut short and settles what became the result", () => {
    const open = upload({ completed: false, purpose: "artifact" });
    expect(fateOfUpload(open, running)).toBe("keep");
    expect(fateOfUpload(open, { ...running, epoch: 2 })).toBe("abort");
    const result = { kind: "trained", artifact: [upload().file], stats } as const;
    expect(fateOfUpload(upload({ purpose: "artifact" }), { ...running, isOver: true, result })).toBe(
      "settle",
    );
  });
});

test("findUploads believes only what the store took", () => {
  const { file } = upload();
  expect(findUploads([upload()], "checkpoint", [file])).toEqual({ ok: true, value: [file] });
  const other = { ...file, object: { ...file.object, sha256: "01" } };
  expect(findUploads([upload()], "checkpoint", [other])).toEqual({
    ok: false,
    error: { missing: "f.safetensors" },
  });
  expect(findUploads([upload({ completed: false })], "checkpoint", [file])).toMatchObject({ ok: false });
  expect(findUploads([upload()], "artifact", [file])).toMatchObject({ ok: false });
});
