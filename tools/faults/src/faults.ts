import { setTimeout as sleep } from "node:timers/promises";
import type { Rng } from "@gradients/kernel";
import pg from "pg";
import { type PodProcess, podProcesses } from "./pods.ts";
import { sendSignal } from "./service-process.ts";
import { type ServiceName, type System, serviceNames } from "./system.ts";

/** One way to break something that runs. */
export interface Fault {
  readonly name: string;
  /** Resolves when it has struck. */
  strike(system: System, rng: Rng): Promise<Strike>;
}

export interface Strike {
  /** Resolves when what was struck is up again: the next fault need not wait for it. */
  readonly repaired: Promise<void>;
  /** Seconds until the scheduler had drawn the consequence. */
  readonly requeuedSeconds?: Promise<number>;
}

export const serviceFaults: readonly Fault[] = serviceNames.map(killService);

/** Agent or engine of some pod. */
export const killTrainer: Fault = {
  name: "kill -9 trainer-gpu",
  strike: async (system, rng) => {
    const role = rng.int(2) === 0 ? "agent" : "engine";
    const victim = await findVictim(system, role, rng);
    sendSignal(victim.pid, "SIGKILL");
    return { repaired: Promise.resolve(), requeuedSeconds: untilRequeued(system, victim) };
  },
};

export const serverFaults: readonly Fault[] = [
  repaired("kill -9 NATS", async ({ control }) => {
    await control.killNats();
    await control.startNats();
  }),
  repaired("NATS killed and its store wiped", async ({ control }) => {
    await control.killNats();
    await control.wipeNats();
    await control.startNats();
  }),
  repaired("PostgreSQL stopped at once", ({ control }) => control.crashPostgres()),
];

export const natsGone: Fault = repaired("NATS gone for a minute", async ({ control }) => {
  await control.killNats();
  await sleep(60_000);
  await control.startNats();
});

function killService(service: ServiceName): Fault {
  return {
    name: `kill -9 ${service}`,
    strike: async (system) => {
      await system.kill(service);
      return { repaired: system.services[service].start() };
    },
  };
}

/** A fault that is over when it is repaired: two of the same kind never overlap. */
function repaired(name: string, strikeAndRepair: (system: System) => Promise<void>): Fault {
  return {
    name,
    strike: async (system) => {
      await strikeAndRepair(system);
      return { repaired: Promise.resolve() };
    },
  };
}

const POD_WAIT_MS = 60_000;

async function findVictim({ fleetDir }: System, role: PodProcess["role"], rng: Rng): Promise<PodProcess> {
  const deadline = Date.now() + POD_WAIT_MS;
  while (Date.now() < deadline) {
    const candidates = (await podProcesses(fleetDir)).filter((process) => process.role === role);
    const victim = candidates[rng.int(Math.max(1, candidates.length))];
    if (victim) return victim;
    await sleep(50);
  }
  throw new Error(`No ${role} ran within ${POD_WAIT_MS} ms`);
}

/** Or ended in another way: it may have reported its work a moment before. */
async function untilRequeued({ servers }: System, { attemptId, epoch }: PodProcess): Promise<number> {
  const since = performance.now();
  const moved = `select 1 from scheduler.attempt where attempt_id = $1
    and (epoch > $2 or state in ('succeeded', 'failed', 'cancelled'))`;
  for (;;) {
    const client = new pg.Client({ connectionString: servers.postgres.url });
    client.on("error", () => {}); // the server may be struck next
    try {
      await client.connect();
      while ((await client.query(moved, [attemptId, epoch])).rowCount === 0) await sleep(50);
      return (performance.now() - since) / 1000;
    } catch {
      await sleep(200);
    } finally {
      await client.end().catch(() => {});
    }
  }
}
