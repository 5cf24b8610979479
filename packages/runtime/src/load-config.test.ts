import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { secret } from "./config-options.ts";
import { ConfigExit, loadConfig } from "./load-config.ts";

const schema = z.object({
  db: z.object({
    url: secret(z.string().min(10)).describe("Where Postgres is."),
    poolSize: z.number().int().min(1).max(100).default(8).describe("Connections at most."),
  }),
  servers: z.array(z.string()).default(["localhost:4222"]),
  reward: z.bigint().default(1n),
  verbose: z.boolean().default(false),
  logLevel: z.enum(["info", "debug"]).default("info"),
  s3: z.object({ endpoint: z.url(), key: secret(z.string()) }).optional(),
  chain: z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("dev") }),
    z.object({ kind: z.literal("subtensor"), rpcUrl: z.string(), retries: z.number().default(3) }),
  ]),
});

const load = (env: Record<string, string>, argv: string[] = []) =>
  loadConfig({ service: "chain-bridge", schema, env, argv });
const minimal = { CHAIN_BRIDGE_DB_URL: "postgres://db", CHAIN_BRIDGE_CHAIN_KIND: "dev" };

describe("values", () => {
  test("defaults fill what is not set", () => {
    expect(load(minimal)).toEqual({
      db: { url: "postgres://db", poolSize: 8 },
      servers: ["localhost:4222"],
      reward: 1n,
      verbose: false,
      logLevel: "info",
      chain: { kind: "dev" },
    });
  });

  test("text becomes numbers, lists, flags and big integers", () => {
    const config = load({
      ...minimal,
      CHAIN_BRIDGE_DB_POOL_SIZE: "3",
      CHAIN_BRIDGE_SERVERS: "a:1, b:2",
      CHAIN_BRIDGE_REWARD: "18446744073709551615",
      CHAIN_BRIDGE_VERBOSE: "true",
    });
    expect(config.db.poolSize).toBe(3);
    expect(config.servers).toEqual(["a:1", "b:2"]);
    expect(config.reward).toBe(18446744073709551615n);
    expect(config.verbose).toBe(true);
  });

  test("a union of objects takes the variables of the chosen member", () => {
    const config = load({
      ...minimal,
      CHAIN_BRIDGE_CHAIN_KIND: "subtensor",
      CHAIN_BRIDGE_CHAIN_RPC_URL: "ws://node",
      CHAIN_BRIDGE_CHAIN_RETRIES: "5",
    });
    expect(config.chain).toEqual({ kind: "subtensor", rpcUrl: "ws://node", retries: 5 });
  });

  test("an optional object appears when one of its variables does", () => {
    expect(load(minimal).s3).toBeUndefined();
    const config = load({ ...minimal, CHAIN_BRIDGE_S3_ENDPOINT: "http://s3", CHAIN_BRIDGE_S3_KEY: "k" });
    expect(config.s3).toEqual({ endpoint: "http://s3", key: "k" });
  });

  test("an empty variable counts as unset", () => {
    expect(load({ ...minimal, CHAIN_BRIDGE_DB_POOL_SIZE: "" }).db.poolSize).toBe(8);
  });

  test("the result is frozen all the way down", () => {
    expect(Object.isFrozen(load(minimal).db)).toBe(true);
  });
});

describe("secrets", () => {
  const file = join(mkdtempSync(join(tmpdir(), "config-")), "url");
  writeFileSync(file, "postgres://from-file\n");

  test("may stand in a file", () => {
    expect(load({ CHAIN_BRIDGE_CHAIN_KIND: "dev", CHAIN_BRIDGE_DB_URL_FILE: file }).db.url).toBe(
      "postgres://from-file",
    );
  });

  test("are refused twice, and from a file that is not there", () => {
    expect(problems({ ...minimal, CHAIN_BRIDGE_DB_URL_FILE: file })).toContain(
      "CHAIN_BRIDGE_DB_URL: set together with CHAIN_BRIDGE_DB_URL_FILE",
    );
    expect(problems({ CHAIN_BRIDGE_CHAIN_KIND: "dev", CHAIN_BRIDGE_DB_URL_FILE: "/no/such/file" })).toContain(
      "cannot read the file named by CHAIN_BRIDGE_DB_URL_FILE",
    );
  });

  test("are hidden by --print-config", () => {
    const printed = output(
      { ...minimal, CHAIN_BRIDGE_S3_ENDPOINT: "http://s3", CHAIN_BRIDGE_S3_KEY: "hunter2hunter2" },
      ["--print-config"],
    );
    expect(printed.exitCode).toBe(0);
    expect(JSON.parse(printed.message)).toMatchObject({
      db: { url: "[redacted]", poolSize: 8 },
      s3: { endpoint: "http://s3", key: "[redacted]" },
      reward: "1",
    });
    expect(printed.message).not.toContain("hunter2");
  });

  test("are not echoed by a problem", () => {
    expect(problems({ ...minimal, CHAIN_BRIDGE_DB_URL: "short" })).not.toContain('"short"');
  });
});

test("all problems are told at once, with the variable, what was found and what would be right", () => {
  const text = problems({
    CHAIN_BRIDGE_DB_POOL_SIZE: "none",
    CHAIN_BRIDGE_VERBOSE: "yes",
    CHAIN_BRIDGE_LOG_LEVEL: "loud",
    CHAIN_BRIDGE_S3_ENDPOINT: "nowhere",
  });
  expect(text).toContain("CHAIN_BRIDGE_DB_URL: required but not set (Where Postgres is.)");
  expect(text).toMatch(/CHAIN_BRIDGE_DB_POOL_SIZE: .*expected number.*found "none"/);
  expect(text).toMatch(/CHAIN_BRIDGE_VERBOSE: .*expected boolean.*found "yes"/);
  expect(text).toMatch(/CHAIN_BRIDGE_LOG_LEVEL: .*"info"\|"debug".*found "loud"/);
  expect(text).toMatch(/CHAIN_BRIDGE_S3_ENDPOINT: .*URL.*found "nowhere"/);
  expect(text).toContain("CHAIN_BRIDGE_S3_KEY: required but not set");
  expect(text).toContain("CHAIN_BRIDGE_CHAIN_KIND: required but not set");
});

test("--help lists every variable with its meaning and default", () => {
  const { message, exitCode } = output({}, ["--help"]);
  expect(exitCode).toBe(0);
  expect(message).toMatch(
    /CHAIN_BRIDGE_DB_URL {2}\(string; required; secret, or in the file CHAIN_BRIDGE_DB_URL_FILE\)\n\s+Where Postgres is\./,
  );
  expect(message).toMatch(/CHAIN_BRIDGE_DB_POOL_SIZE {2}\(number; optional; default 8\)/);
  expect(message).toContain("CHAIN_BRIDGE_CHAIN_RPC_URL");
});

test("an unknown flag is refused", () => {
  expect(output(minimal, ["--verbose"])).toMatchObject({
    exitCode: 64,
    message: expect.stringContaining("--verbose") as string,
  });
});

function problems(env: Record<string, string>): string {
  const exit = output(env);
  expect(exit.exitCode).toBe(78);
  return exit.message;
}

function output(env: Record<string, string>, argv: string[] = []): ConfigExit {
  try {
    load(env, argv);
  } catch (error) {
    if (error instanceof ConfigExit) return error;
    throw error;
  }
  throw new Error("Expected no configuration");
}
