import { create } from "@bufbuild/protobuf";
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { JobSchema } from "@gradients/contracts/gateway";
import { expect, test } from "vitest";
import { Refused } from "../domain/refusal.ts";
import { applyMask, parseReadMask } from "./read-mask.ts";

const job = () =>
  create(JobSchema, {
    name: "n",
    model: "m",
    verdict: { tie: true, baseLoss: 2, winnerAttemptId: "a" },
    attempts: [{ attemptId: "a" }],
  });
const mask = (...paths: string[]) => parseReadMask(JobSchema, create(FieldMaskSchema, { paths }));

test("an empty mask and a star keep everything", () => {
  expect(applyMask(JobSchema, job(), mask())).toEqual(job());
  expect(applyMask(JobSchema, job(), mask("*"))).toEqual(job());
});

test("fields are kept by name, nested ones by dots, in any order and combination", () => {
  expect(applyMask(JobSchema, job(), mask("name", "verdict.tie"))).toEqual(
    create(JobSchema, { name: "n", verdict: { tie: true } }),
  );
  const both = create(JobSchema, { verdict: { tie: true, baseLoss: 2 } });
  expect(applyMask(JobSchema, job(), mask("verdict.tie", "verdict.base_loss"))).toEqual(both);
  const whole = create(JobSchema, { verdict: { tie: true, baseLoss: 2, winnerAttemptId: "a" } });
  expect(applyMask(JobSchema, job(), mask("verdict.tie", "verdict"))).toEqual(whole);
  expect(applyMask(JobSchema, job(), mask("verdict", "verdict.tie"))).toEqual(whole);
});

test("unknown fields, and paths into lists, are refused", () => {
  for (const path of ["x", "verdict.x", "attempts.attempt_id", "name.x", ""])
    expect(() => mask(path)).toThrow(Refused);
});
