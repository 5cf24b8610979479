import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Attempt, type AttemptState, SchedulerService } from "@gradients/contracts/scheduler";
import { AttemptService } from "@gradients/contracts/trainer";
import { createRpcClient, type RpcClient, RpcError } from "@gradients/rpc";
import { expect, vi } from "vitest";
import { createWorld, type JobOptions, type World } from "./world.ts";

export type Relay = RpcClient<typeof AttemptService>;

/** A world in which pods do nothing, so that a test can speak in their place. */
export interface SilentWorld extends AsyncDisposable {
  readonly world: World;
  readonly service: RpcClient<typeof SchedulerService>;
  /** The pod's door, opened with the token that the pod was given. */
  podOf(attemptId: string, epoch?: number): Promise<Relay>;
  speakAs(token: string): Relay;
  attemptsOf(jobId: string, count: number): Promise<readonly Attempt[]>;
  openSolo(
    hardwareClass: string,
    options?: JobOptions,
  ): Promise<{ readonly jobId: string; readonly attemptId: string }>;
  stateOf(attemptId: string): Promise<AttemptState | undefined>;
}

/** Stands where the agent would: says what it was given and waits. */
const silentAgent = `
  import { writeFileSync } from "node:fs";
  writeFileSync("given.json", JSON.stringify(process.env));
  process.on("SIGTERM", () => process.exit(0));
  setInterval(() => {}, 1000);
`;

/** Slots by hardware class: a class per test keeps them out of each other's way. */
export async function createSilentWorld(
  classes: Readonly<Record<string, number>>,
  environment: Readonly<Record<string, string>> = {},
): Promise<SilentWorld> {
  const world = await createWorld();
  const agent = join(world.fleetDir, "../silent-agent.mjs");
  await writeFile(agent, silentAgent);
  const hardware = Object.entries(classes).map(([name, slots]) => ({
    name,
    description: "test",
    slots,
    threadsPerSlot: 1,
  }));
  const { addresses } = await world.startScheduler({
    SCHEDULER_FLEET_AGENT: agent,
    SCHEDULER_FLEET_CLASSES: JSON.stringify(hardware),
    SCHEDULER_ATTEMPTS_LEASE_SECONDS: "2",
    SCHEDULER_ATTEMPTS_RETRY_DELAYS_SECONDS: "[0]",
    SCHEDULER_ATTEMPTS_MAX_RETRIES: "1",
    SCHEDULER_ATTEMPTS_POLL_SECONDS: "0.2",
    ...environment,
  });
  const service = createRpcClient(SchedulerService, {
    target: addresses["grpc"] ?? "",
    defaultDeadlineMs: 5_000,
  });
  const relays: Relay[] = [];
  const speakAs = (token: string) => {
    const relay = createRpcClient(AttemptService, {
      target: addresses["relay"] ?? "",
      token,
      defaultDeadlineMs: 5_000,
    });
    relays.push(relay);
    return relay;
  };
  const attemptsOf = (jobId: string, count: number) =>
    vi.waitFor(
      async () => {
        const { attempts } = await service.listAttempts({ jobId });
        expect(attempts.length).toBe(count);
        return attempts;
      },
      { timeout: 10_000 },
    );
  return {
    world,
    service,
    speakAs,
    attemptsOf,
    podOf: async (attemptId, epoch = 0) => {
      const path = join(world.fleetDir, `attempt-${attemptId}-e${epoch}`, "given.json");
      const given = await vi.waitFor(async () => JSON.parse(await readFile(path, "utf8")), {
        timeout: 20_000,
      });
      return speakAs(given.TRAINER_GPU_ATTEMPT_TOKEN);
    },
    openSolo: async (hardwareClass, options = {}) => {
      const jobId = await world.openJob({ contestants: 1, hardwareClass, ...options });
      const [attempt] = await attemptsOf(jobId, 1);
      return { jobId, attemptId: attempt?.attemptId ?? "" };
    },
    stateOf: async (attemptId) => (await service.getAttempt({ attemptId })).attempt?.state,
    [Symbol.asyncDispose]: async () => {
      for (const client of [service, ...relays]) client.close();
      await world[Symbol.asyncDispose]();
    },
  };
}

/** Why a call was refused; `none` when it was not. */
export async function reasonOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (refusal: unknown) => refusal,
  );
  return error instanceof RpcError ? error.reason : "none";
}
