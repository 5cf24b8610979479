import { setTimeout as sleep } from "node:timers/promises";
import { sendSignal } from "@gradients/dev/send-signal";
import type { Rng } from "@gradients/kernel";
import { echoEvents } from "./event-echo.ts";
import { type PodProcess, podProcesses } from "./pods.ts";
import { fillDisk } from "./small-disk.ts";
import { type ProgramName, type ServiceName, type System, serviceNames, setClockOff } from "./system.ts";
import { withClient } from "./with-client.ts";

/** One way to break something that runs. */
export interface Fault {
  readonly name: string;
  /** Resolves when it has struck. */
  strike(system: System, rng: Rng): Promise<Strike>;
}

interface Strike {
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
  repaired("PostgreSQL stopped at once", async ({ control }) => {
    await control.stopPostgres();
    await control.startPostgres();
  }),
];

export const natsGone: Fault = repaired("NATS gone for a minute", async ({ control }) => {
  await control.killNats();
  await sleep(60_000);
  await control.startNats();
});

/** Each for ten seconds, in which three of ten requests meet it. */
export const s3Faults: readonly Fault[] = (["errors", "slow", "truncated"] as const).map((kind) =>
  repaired(`S3 ${kind}`, async ({ s3Door }, rng) => {
    s3Door.trouble(kind, rng);
    await sleep(10_000);
    s3Door.trouble(undefined, rng);
  }),
);

export const eventsAgain: Fault = repaired("events delivered again, late, out of order", ({ servers }, rng) =>
  echoEvents(servers.nats.url, rng, AbortSignal.timeout(20_000)),
);

const JUMPS_SECONDS = [300, -300] as const;
const programs: readonly ProgramName[] = [...serviceNames, "trainer-gpu"];

/** Five minutes forth or back, and home again while its work goes on; and a trainer that dies while the scheduler's is off. */
export const clockFaults: readonly Fault[] = [
  ...programs.flatMap((program) => JUMPS_SECONDS.map((seconds) => clockJump(program, seconds))),
  ...JUMPS_SECONDS.map(killWhileOff),
];

function clockJump(program: ProgramName, seconds: number): Fault {
  return repaired(`clock of ${program} jumps ${seconds} s`, async (system) => {
    await setClockOff(system, program, seconds);
    await sleep(6_000);
    await setClockOff(system, program, 0);
  });
}

function killWhileOff(seconds: number): Fault {
  return {
    name: `kill -9 trainer-gpu, clock of scheduler off by ${seconds} s`,
    strike: async (system, rng) => {
      await setClockOff(system, "scheduler", seconds);
      const { requeuedSeconds } = await killTrainer.strike(system, rng);
      const took = await requeuedSeconds;
      await setClockOff(system, "scheduler", 0);
      return {
        repaired: Promise.resolve(),
        ...(took !== undefined && { requeuedSeconds: Promise.resolve(took) }),
      };
    },
  };
}

/** Long enough for any step of an attempt to meet it. */
export const diskFull: Fault = repaired("disk of the trainers full", async ({ fleetDir }) => {
  const release = await fillDisk(fleetDir);
  await sleep(4_000);
  await release();
});

/** Its sessions end, as at a partition, so that the other one leads; then it goes on and must find itself fenced. */
export const pausedScheduler: Fault = repaired("scheduler paused past its leases", async (system) => {
  const { services, spareScheduler } = system;
  const sessions = await sessionsOf(system, "scheduler%");
  await spareScheduler.start();
  await services.scheduler.signal("SIGSTOP");
  await endSessions(system, sessions);
  await sleep(PAUSE_MS);
  await services.scheduler.signal("SIGCONT");
  await sleep(PAUSE_MS / 3);
  await spareScheduler.kill();
});

/** One and a half times the lease of an attempt. */
const PAUSE_MS = 15_000;

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
function repaired(name: string, strikeAndRepair: (system: System, rng: Rng) => Promise<void>): Fault {
  return {
    name,
    strike: async (system, rng) => {
      await strikeAndRepair(system, rng);
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

async function sessionsOf({ servers }: System, applicationName: string): Promise<readonly number[]> {
  return withClient(servers.postgres.url, async (client) => {
    const { rows } = await client.query<{ pid: number }>(
      "select pid from pg_stat_activity where application_name like $1",
      [applicationName],
    );
    return rows.map(({ pid }) => pid);
  });
}

async function endSessions({ servers }: System, pids: readonly number[]): Promise<void> {
  await withClient(servers.postgres.url, (client) =>
    client.query("select pg_terminate_backend(pid) from unnest($1::integer[]) as pid", [pids]),
  );
}

/** Or ended in another way: it may have reported its work a moment before. */
async function untilRequeued({ servers }: System, { attemptId, epoch }: PodProcess): Promise<number> {
  const since = performance.now();
  const moved = `select 1 from scheduler.attempt where attempt_id = $1
    and (epoch > $2 or state in ('succeeded', 'failed', 'cancelled'))`;
  for (;;) {
    try {
      return await withClient(servers.postgres.url, async (client) => {
        while ((await client.query(moved, [attemptId, epoch])).rowCount === 0) await sleep(50);
        return (performance.now() - since) / 1000;
      });
    } catch {
      await sleep(200); // the server was struck meanwhile
    }
  }
}
