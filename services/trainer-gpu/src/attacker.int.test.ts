import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { createObjectStore, type ObjectStore } from "@gradients/objects";
import { testBucket } from "@gradients/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { paths } from "../../../tools/setup/paths.mjs";
import { python } from "./test/fake-engine.ts";
import { openRelay } from "./test/relay-double.ts";

const main = fileURLToPath(new URL("main.ts", import.meta.url));
const attacker = join(paths.repositoryRoot, "tools/images/attacker/attacker.py");

let objects: ObjectStore;

beforeAll(async () => {
  objects = createObjectStore(await testBucket());
});
afterAll(() => objects.close());

/** The attacker of the sandbox's proof, on this machine: what the agent alone has to hold against. */
test.each([
  ["talk-rubbish", "SPEC_INVALID", ["socket/second", "socket/rubbish"]],
  ["forge-progress", "ARTIFACT_UNSAFE", ["figures/long", "figures/flood", "artifact/none"]],
  ["forge-digest", "ARTIFACT_UNSAFE", ["artifact/digest"]],
  ["forge-link", "ARTIFACT_UNSAFE", ["artifact/link"]],
  ["forge-size", "ARTIFACT_UNSAFE", ["artifact/size"]],
])(
  "an engine that means harm fails its attempt: %s",
  async (attack, code, tried) => {
    const { outcome, told } = await attempt(attack);
    expect(outcome).toMatchObject({ case: "failed", value: { code } });
    expect(told.map((one) => one.tried)).toEqual(tried);
    expect(told.filter(({ gotThrough }) => gotThrough)).toEqual([]);
  },
  60_000,
);

interface Told {
  readonly tried: string;
  readonly gotThrough: boolean;
}

async function attempt(attack: string) {
  const root = mkdtempSync(join(paths.scratch, "attacker-"));
  const relay = await openRelay({ engineSpecJson: JSON.stringify({ settings: { attack } }) }, objects);
  const socket = join(root, "work/run/engine.sock");
  const engine = spawn(python, [attacker, "serve", "--socket", socket], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    env: { PATH: process.env["PATH"], PYTHONDONTWRITEBYTECODE: "1" },
  });
  const output = text(engine.stdout);
  const agent = startAgent(root, relay.target, socket);
  try {
    await once(agent, "exit");
    engine.kill("SIGKILL");
    const told = (await output).trim().split("\n").filter(Boolean);
    return { outcome: relay.outcome(), told: told.map((line) => JSON.parse(line) as Told) };
  } finally {
    agent.kill("SIGKILL");
    await relay.close();
    rmSync(root, { recursive: true, force: true });
  }
}

function startAgent(root: string, relayTarget: string, socket: string): ChildProcess {
  return spawn(process.execPath, [main], {
    cwd: root,
    stdio: "inherit",
    env: {
      TRAINER_GPU_LOG_LEVEL: "error",
      TRAINER_GPU_RELAY_TARGET: relayTarget,
      TRAINER_GPU_ATTEMPT_TOKEN: "token",
      TRAINER_GPU_EPOCH: "0",
      TRAINER_GPU_SCRATCH_DIR: join(root, "private"),
      TRAINER_GPU_CACHE_DIR: join(root, "private/cache"),
      TRAINER_GPU_ENGINE_SOCKET: socket,
      TRAINER_GPU_MAX_OUTPUT_BYTES: String(96 * 1024 * 1024),
    },
  });
}
