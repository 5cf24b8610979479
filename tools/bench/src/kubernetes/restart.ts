import { setTimeout as sleep } from "node:timers/promises";
import type { ControlPlane } from "@gradients/cluster";
import type { KubeClient } from "@gradients/kube";
import type { Figure, RunOptions } from "../benchmark.ts";
import { sampleOf } from "../processes.ts";
import { followJobs } from "./follow-jobs.ts";
import { inParallel } from "./plane.ts";
import type { SchedulerWorld } from "./scheduler.ts";
import { makeLive, podSpec } from "./trainers.ts";

/** Of each kind, so few that the limit of calls has no part in it. */
const ODD = 20;
const LATEST_MS = 120_000;

const attemptIds = (kind: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${kind}-${String(index).padStart(5, "0")}`);

/** `count` attempts that train, each with its Job and pod; also Jobs that nobody wants and attempts whose Jobs are missing. */
export async function makeLiveAttempts(
  client: KubeClient,
  world: SchedulerWorld,
  count: number,
  { say }: RunOptions,
): Promise<void> {
  await inParallel(attemptIds("live", count), async (id, index) => {
    await makeLive(client, podSpec(id));
    if (index % 2_000 === 1_999) say(`  ${index + 1} of ${count} pods`);
  });
  await cloneAttempts(world, attemptIds("live", count), "running");
  await cloneAttempts(world, attemptIds("missing", ODD), "placing");
  await forgetOthers(world);
}

export async function makeUnwanted(client: KubeClient): Promise<void> {
  await inParallel(attemptIds("unwanted", ODD), (id) => makeLive(client, podSpec(id)));
}

/** From the spawn of a scheduler to the last of its corrections, with nothing else touched. */
export async function measureRestart(
  plane: ControlPlane,
  world: SchedulerWorld,
  client: KubeClient,
  count: number,
  { say }: RunOptions,
): Promise<readonly Figure[]> {
  const stopping = new AbortController();
  const made = new Set<string>();
  const ended = new Set<string>();
  let lastAt = 0;
  let hasBegun = false;
  const before = new Set<string>();
  await followJobs(
    client,
    ({ name, isLeaving }, at) => {
      if (!hasBegun) return void before.add(name);
      if (!isLeaving && before.has(name)) return;
      const known = isLeaving ? ended : made;
      if (!known.has(name)) lastAt = at;
      known.add(name);
    },
    stopping.signal,
  );
  hasBegun = true;
  const startedAt = performance.now();
  await world.start(client.namespace);
  const servesAt = performance.now();
  const deadline = startedAt + LATEST_MS;
  while (made.size < ODD || ended.size < ODD) {
    if (performance.now() > deadline)
      throw new Error(`After two minutes ${made.size} of ${ODD} Jobs were made and ${ended.size} ended`);
    await sleep(50);
  }
  const reconciledMs = lastAt - startedAt;
  await sleep(3_000); // whatever it does wrong, it does now
  const rss = sampleOf(await world.pid())?.rssBytes ?? 0;
  stopping.abort();
  await world.stop();
  const wrong = [...made].filter((name) => !name.includes("missing")).length;
  const lost = [...ended].filter((name) => !name.includes("unwanted")).length;
  say(`  restart with ${count} pods: ${(reconciledMs / 1000).toFixed(1)} s`);
  return [
    {
      what: `restart with ${count} live pods, spawn to last correction`,
      value: reconciledMs / 1000,
      unit: "s",
      target: { atMost: 10 },
    },
    { what: "of that, until it serves", value: (servesAt - startedAt) / 1000, unit: "s" },
    {
      what: "Jobs made or ended that should not have been",
      value: wrong + lost,
      unit: "Jobs",
      target: { atMost: 0 },
    },
    { what: "resident memory of the scheduler then", value: rss / 2 ** 20, unit: "MiB" },
  ];
}

/** As those that the scheduler has recorded, under other names and in another state. */
async function cloneAttempts(
  { sql }: SchedulerWorld,
  ids: readonly string[],
  state: "running" | "placing",
): Promise<void> {
  await sql.query(
    `insert into job (job_id, state, details, train, accepted_at)
     select id, job.state, job.details, job.train, job.accepted_at
     from unnest($1::text[]) as id, (select * from job where state = 'racing' limit 1) as job`,
    [ids],
  );
  await sql.query(
    `insert into attempt (attempt_id, job_id, kind, state, epoch, hardware_class, account_id, queued_since, not_before,
       lease_expires_at, work, created_at, started_at)
     select id, id, one.kind, $2, 1, one.hardware_class, one.account_id, now(), now(), now() + interval '1 hour', one.work, now(),
       case when $2 = 'running' then now() end
     from unnest($1::text[]) as id, (select * from attempt where state = 'placing' limit 1) as one`,
    [ids, state],
  );
}

/** What another measurement has left there. */
async function forgetOthers({ sql }: SchedulerWorld): Promise<void> {
  await sql.query("delete from attempt_token");
  await sql.query("delete from timer");
  await sql.query(
    "delete from attempt where attempt_id not like 'live-%' and attempt_id not like 'missing-%'",
  );
}
