import { setTimeout as sleep } from "node:timers/promises";
import { Rng } from "@gradients/kernel";
import pg from "pg";
import { checkOutcome } from "./check-outcome.ts";
import { Customer } from "./customer.ts";
import { type PodProcess, podProcesses } from "./pods.ts";
import { sendSignal } from "./service-process.ts";
import { type ServiceName, type System, serviceNames } from "./system.ts";
import type { Violation } from "./violation.ts";

export const killTargets = [...serviceNames, "trainer-gpu"] as const;
type KillTarget = (typeof killTargets)[number];

export interface KillPlan {
  readonly targets: readonly KillTarget[];
  readonly killsPerTarget: number;
  readonly seed: string;
  /** Mean pause between two kills. */
  readonly meanGapMs: number;
  /** Jobs that run at a time. */
  readonly width: number;
  /** Of every job. */
  readonly contestants: number;
}

export interface KillReport {
  readonly kills: Readonly<Record<string, number>>;
  readonly jobs: number;
  readonly violations: readonly Violation[];
  /** From killing a trainer's process to its attempt being queued anew or over. */
  readonly recoverySeconds: readonly number[];
}

const MAX_GAPS = 4;
const DRAIN_MS = 300_000;
const POD_WAIT_MS = 60_000;

/** Kills services and trainers at random instants while jobs run, each restarted at once; then lets everything end and looks at what came out. */
export async function killUnderLoad(system: System, plan: KillPlan): Promise<KillReport> {
  using customer = new Customer(system, `customer-${plan.seed}`);
  await customer.prepare();
  const rng = new Rng(plan.seed);
  const over = new AbortController();
  const recoveries: Promise<number>[] = [];
  const restarts: Promise<void>[] = [];
  const later = <T>(list: Promise<T>[], work: Promise<T>) => {
    work.catch(() => {}); // awaited below, when the last kill is done
    list.push(work);
  };
  const load: Promise<void>[] = [];
  for (let lane = 0; lane < plan.width; lane += 1) later(load, keepOrdering(customer, plan, over.signal));
  for (const target of sequenceOf(plan, rng)) {
    await sleep(gap(plan, rng));
    if (target === "trainer-gpu") {
      const victim = await killTrainer(system, rng);
      later(recoveries, untilLost(system, victim, performance.now()));
    } else {
      await killService(system, target);
      later(restarts, system.services[target].start()); // the next fault may meet it while it still starts
    }
  }
  over.abort();
  await Promise.all([...load, ...restarts]);
  for (const { name } of customer.accepted) await customer.ended(name, DRAIN_MS);
  const violations = await checkOutcome(system, [customer]);
  return {
    kills: Object.fromEntries(plan.targets.map((target) => [target, plan.killsPerTarget])),
    jobs: customer.accepted.length,
    violations,
    recoverySeconds: await Promise.all(recoveries),
  };
}

async function keepOrdering(customer: Customer, plan: KillPlan, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    const { name } = await customer.order({ contestants: plan.contestants });
    await customer.ended(name, DRAIN_MS);
  }
}

/** Each target equally often, in random order. */
function sequenceOf({ targets, killsPerTarget }: KillPlan, rng: Rng): readonly KillTarget[] {
  return rng.shuffle(Array.from({ length: killsPerTarget }, () => targets).flat());
}

/** Exponential, so that no moment of a job is likelier than another. */
function gap({ meanGapMs }: KillPlan, rng: Rng): number {
  return Math.min(-Math.log(1 - rng.float()), MAX_GAPS) * meanGapMs;
}

async function killService(system: System, service: ServiceName): Promise<void> {
  system.history.record({ process: "faults", op: "kill -9", type: "invoke", key: service });
  await system.kill(service);
}

/** Agent or engine of some pod. */
async function killTrainer(system: System, rng: Rng): Promise<PodProcess> {
  const role = rng.int(2) === 0 ? "agent" : "engine";
  const victim = await findVictim(system, role, rng);
  system.history.record({ process: "faults", op: `kill -9 ${role}`, type: "invoke", key: victim.attemptId });
  sendSignal(victim.pid, "SIGKILL");
  return victim;
}

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

/** Seconds until the scheduler has drawn the consequence. */
async function untilLost(
  { servers }: System,
  { attemptId, epoch }: PodProcess,
  since: number,
): Promise<number> {
  const client = new pg.Client({ connectionString: servers.postgres.url });
  await client.connect();
  try {
    const moved = `select 1 from scheduler.attempt where attempt_id = $1
      and (epoch > $2 or state in ('succeeded', 'failed', 'cancelled'))`;
    while ((await client.query(moved, [attemptId, epoch])).rowCount === 0) await sleep(50);
    return (performance.now() - since) / 1000;
  } finally {
    await client.end();
  }
}
