import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { Customer } from "@gradients/faults/customer";
import { startSystem } from "@gradients/faults/system";
import pg from "pg";
import { paths } from "../../../setup/paths.mjs";
import { type Benchmark, type Figure, type Findings, figureTable, type RunOptions } from "../benchmark.ts";
import { median, percentile } from "../statistics.ts";

export const placingBenchmark: Benchmark = {
  name: "placing",
  title: "From accepted job to running attempt",
  about: "time from an accepted job to its first running attempt on the local fleet",
  minutes: 6,
  run,
};

interface Placed {
  readonly queuedMs: number;
  readonly runningMs: number;
}

async function run({ isQuick, say }: RunOptions): Promise<Findings> {
  await using system = await startSystem();
  using customer = new Customer(system);
  await customer.prepare();
  const wanted = isQuick ? 3 : 30;
  for (let index = 0; index < wanted; index += 1) {
    const { name } = await customer.order({ contestants: 1 });
    await customer.ended(name);
    if (index % 5 === 4) say(`  ${index + 1} of ${wanted} jobs`);
  }
  const placed = await placedJobs(system.servers.postgres.url);
  const starts = await bareStarts(isQuick ? 3 : 15);
  const running = placed.map(({ runningMs }) => runningMs);
  const queued = placed.map(({ queuedMs }) => queuedMs);
  const own = running.map((total, index) => total - (queued[index] ?? 0) - median(starts));
  const unit = "ms";
  const figures: Figure[] = [0.5, 0.99].flatMap((share) => [
    { what: `accepted to running, p${share * 100}`, value: percentile(running, share), unit },
    {
      what: `accepted to queued attempt (event, held-out split, event), p${share * 100}`,
      value: percentile(queued, share),
      unit,
    },
    { what: `the rest but for the process start, p${share * 100}`, value: percentile(own, share), unit },
  ]);
  figures.push({ what: "the agent's process start alone, median", value: median(starts), unit });
  return {
    method: `${placed.length} jobs of one contestant, one after the other, each service and each pod a process of its own. Times are PostgreSQL's: from the commit of JobAccepted to the agent's first call to the scheduler, after which the attempt counts as running. A pod of the local fleet is a Node process: what its bare start takes was measured apart (\`main.ts --help\`, ${starts.length} times) and is taken off for the rest, which is ours: claim, spawn, first call, commit.`,
    tables: [figureTable(figures)],
    versions: {},
  };
}

/** First attempts of all jobs. Attempts of a job are queued when its held-out rows are split off. */
async function placedJobs(url: string): Promise<readonly Placed[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ queued: number; running: number }>(`
      select extract(epoch from min(attempt.created_at) - min(accepted.created_at))::float8 * 1000 as queued,
        extract(epoch from min(attempt.started_at) - min(accepted.created_at))::float8 * 1000 as running
      from scheduler.attempt join gateway.outbox as accepted on accepted.headers ->> 'ce-subject' = attempt.job_id
      where accepted.type = 'gradients.event.v1.JobAccepted' and attempt.kind = 'train' and attempt.started_at is not null
      group by attempt.job_id`);
    return rows.map(({ queued, running }) => ({ queuedMs: queued, runningMs: running }));
  } finally {
    await client.end();
  }
}

async function bareStarts(times: number): Promise<readonly number[]> {
  const main = join(paths.repositoryRoot, "services/trainer-gpu/src/main.ts");
  const env = { ...process.env, NODE_COMPILE_CACHE: paths.compileCache };
  const taken: number[] = [];
  for (let index = 0; index < times; index += 1) {
    const startedAt = performance.now();
    await promisify(execFile)(process.execPath, [main, "--help"], { env });
    taken.push(performance.now() - startedAt);
  }
  return taken;
}
