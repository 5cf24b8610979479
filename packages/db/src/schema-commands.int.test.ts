import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { createTestDatabase } from "@gradients/testkit";
import { expect, test } from "vitest";

const program = new URL("./testing/schema-program.ts", import.meta.url).pathname;

test("await-schema waits for a role and a schema that migrate makes first, and both may run again", async () => {
  await using database = await createTestDatabase();
  const role = `sample_${database.name}`;
  const env = { SAMPLE_DATABASE_URL: database.urlAs(role, "p%27w"), SAMPLE_DATABASE_SCHEMA: "sample" };
  const waiting = run(env, "await-schema");
  await waiting.said("failed, trying again");
  expect(await run({ ...env, SAMPLE_DATABASE_ADMIN_URL: database.url }, "migrate").ended).toBe(0);
  expect(await waiting.ended).toBe(0);
  expect(await run(env, "migrate").ended).toBe(0);
  expect(await run(env, "await-schema").ended).toBe(0);
}, 60_000);

test("migrate without an administrator cannot log in as a role that is not there, and ends with 1", async () => {
  await using database = await createTestDatabase();
  const refused = run({ SAMPLE_DATABASE_URL: database.urlAs("nobody", "p") }, "migrate");
  expect(await refused.ended).toBe(1);
});

test("they name the variables that they lack", async () => {
  const lacking = run({}, "migrate");
  expect(await lacking.ended).toBe(78);
  expect(await lacking.errors).toContain("SAMPLE_DATABASE_URL: required but not set");
});

function run(env: Readonly<Record<string, string>>, ...args: string[]) {
  const child = spawn(process.execPath, [program, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const lines = createInterface(child.stdout);
  const seen: string[] = [];
  lines.on("line", (line) => seen.push(line));
  return {
    ended: once(child, "close").then(([code]) => code as number),
    errors: text(child.stderr),
    said: async (phrase: string) => {
      while (!seen.some((line) => line.includes(phrase))) await once(lines, "line");
    },
  };
}
