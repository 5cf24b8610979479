import { expect, test } from "vitest";
import { type ImageRules, judgeImage } from "./recipe-images.ts";

const digest = `sha256:${"a".repeat(64)}`;
const rules: ImageRules = { registries: ["ghcr.io/miners", "localhost:5000"], runsImages: true };
const judge = (image: string | undefined, change: Partial<ImageRules> = {}, isDefault = false) => {
  const judged = judgeImage({ ...(image !== undefined && { image }), isDefault }, { ...rules, ...change });
  return judged.ok ? "allowed" : judged.error.code;
};

test("a recipe without an image is always allowed", () => {
  expect(judge(undefined, { registries: [], runsImages: false }, true)).toBe("allowed");
});

test.each([
  [`ghcr.io/miners/fast@${digest}`],
  [`ghcr.io/miners/a/b_c.d-e@${digest}`],
  [`localhost:5000/mine@${digest}`],
])("%s is allowed", (image) => expect(judge(image)).toBe("allowed"));

test.each([
  ["ghcr.io/miners/fast"],
  ["ghcr.io/miners/fast:latest"],
  [`ghcr.io/miners/fast:v1@${digest}`],
  [`ghcr.io/miners/fast@${digest}0`],
  [`ghcr.io/miners/fast@sha256:${"A".repeat(64)}`],
  [`miners/fast@${digest}`],
  [`ghcr.io@${digest}`],
  [`ghcr.io/miners/../evil@${digest}`],
  [` ghcr.io/miners/fast@${digest}`],
  [`ghcr.io/miners/fast@${digest}\n`],
  [""],
])("%j is not pinned", (image) => expect(judge(image)).toBe("IMAGE_NOT_PINNED"));

test.each([
  [`ghcr.io/minersevil/fast@${digest}`],
  [`ghcr.io/other/miners@${digest}`],
  [`ghcr.io.evil.com/miners/fast@${digest}`],
  [`localhost:50001/mine@${digest}`],
])("%s comes from nowhere that is allowed", (image) =>
  expect(judge(image)).toBe("IMAGE_REGISTRY_NOT_ALLOWED"),
);

test("without a list no image is allowed, on processes none is run, and the default recipe brings none", () => {
  const image = `ghcr.io/miners/fast@${digest}`;
  expect(judge(image, { registries: [] })).toBe("IMAGE_REGISTRY_NOT_ALLOWED");
  expect(judge(image, { runsImages: false })).toBe("IMAGES_NOT_RUN_HERE");
  expect(judge(image, {}, true)).toBe("IMAGE_OF_DEFAULT_RECIPE");
});
