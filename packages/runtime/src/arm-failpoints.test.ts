import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { armFromEnvironment } from "./arm-failpoints.ts";
import { ConfigExit } from "./load-config.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "failpoints-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const program = `
  import { failpoint } from "@gradients/kernel";
  import { armFromEnvironment } from "./src/arm-failpoints.ts";
  armFromEnvironment(process.env);
  for (const name of ["db.begun", "db.committed", "db.begun", "db.committed"]) failpoint(name);
`;

test("the n-th pass kills the process, and the record tells what it had passed", async () => {
  const record = join(folder, "one");
  expect(await run({ GRADIENTS_FAILPOINT: "db.begun@2", GRADIENTS_FAILPOINT_RECORD: record })).toMatchObject({
    signal: "SIGKILL",
  });
  expect(await passed(record)).toEqual(["db.begun", "db.committed", "db.begun"]);
  expect(existsSync(`${record}.killed-db.begun`)).toBe(true);
});

test("of the processes that share a record only one dies", async () => {
  const env = { GRADIENTS_FAILPOINT: "db.begun", GRADIENTS_FAILPOINT_RECORD: join(folder, "shared") };
  const ends = await Promise.all([run(env), run(env), run(env)]);
  expect(ends.map(({ signal }) => signal).toSorted()).toEqual(["SIGKILL", null, null]);
});

test("a program that is started again dies at each of several, once", async () => {
  const record = join(folder, "several");
  const env = { GRADIENTS_FAILPOINT: "db.committed@2,db.begun", GRADIENTS_FAILPOINT_RECORD: record };
  const ends = [await run(env), await run(env), await run(env)];
  expect(ends.map(({ signal }) => signal)).toEqual(["SIGKILL", "SIGKILL", null]);
  expect((await passed(record)).slice(0, 2)).toEqual(["db.begun", "db.begun"]);
});

test("without a record it dies at the first pass, and unarmed not at all", async () => {
  expect(await run({ GRADIENTS_FAILPOINT: "db.committed" })).toMatchObject({ signal: "SIGKILL" });
  expect(await run({})).toEqual({ code: 0, signal: null });
});

test.each(["db.begun@0", "db.begun@", "toString", "nowhere", "db.begun 2", "db.begun,"])(
  "%s is refused",
  (text) => {
    expect(() => armFromEnvironment({ GRADIENTS_FAILPOINT: text })).toThrow(ConfigExit);
  },
);

test.runIf(process.platform === "linux" && process.getuid?.() === 0)(
  "dies as the first process of a container, too (needs root)",
  async () => {
    const first = ["unshare", "--pid", "--fork"];
    expect(await run({ GRADIENTS_FAILPOINT: "db.begun" }, first)).not.toEqual({ code: 0, signal: null });
  },
);

async function run(env: Readonly<Record<string, string>>, before: readonly string[] = []) {
  const [command, ...args] = [...before, process.execPath, "--input-type=module", "--eval", program];
  const child = spawn(command, args, {
    cwd: new URL("..", import.meta.url),
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: "inherit",
  });
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  return { code, signal };
}

async function passed(record: string): Promise<readonly string[]> {
  const lines = (await readFile(record, "utf8")).trim().split("\n");
  return lines.map((line) => line.split(" ")[1] ?? "");
}
