import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { loadArchives } from "@gradients/cluster";
import { kubectlLines } from "@gradients/cluster/testing";
import { type Installation, installGradients } from "@gradients/dev/testing/installation";
import { SERVICES_NAMESPACE, TRAINERS_NAMESPACE } from "@gradients/dev/testing/namespaces";
import { ownProductProblem } from "@gradients/dev/testing/product-problem";
import {
  earlierRelease,
  earlierReleaseProblem,
  NEXT_MIGRATION,
  nextRelease,
  type Release,
} from "@gradients/dev/testing/releases";
import { runningPods } from "@gradients/dev/testing/running-pods";
import { checkHistory } from "@gradients/history";
import { buildImage } from "@gradients/images";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { paths } from "../../setup/paths.mjs";
import { checkOutcome } from "./check-outcome.ts";
import { Customer } from "./customer.ts";
import { History } from "./history.ts";
import { leftUploads } from "./leftovers.ts";
import { percentile } from "./percentile.ts";
import { type ReadReport, steadyReads } from "./steady-reads.ts";
import type { Violation } from "./violation.ts";

/** Stands for the release before this one until releases are tagged: the first whose services change their consumers, so that it can be gone back to. */
const EARLIER = "a53c741";
const MINUTE = 60_000;
const READERS = 3;

const schemas = ["gateway", "scheduler", "scorer", "chain_bridge"];
const problem = ownProductProblem() ?? (await earlierReleaseProblem(EARLIER));

describe.skipIf(problem !== undefined)(`upgrade and rollback${problem ? ` (${problem})` : ""}`, () => {
  const cleanup = new AsyncDisposableStack();
  let releases: Readonly<Record<"earlier" | "next", Release>>;
  let installation: Installation;
  let history: History;
  let customer: Customer;

  beforeAll(async () => {
    releases = {
      earlier: await earlierRelease(EARLIER),
      next: await nextRelease(await buildImage("services", "cpu")),
    };
    installation = cleanup.use(await installGradients({ release: releases.earlier, settings }));
    await loadArchives([releases.next.services.path]);
    const folder = await mkdtemp(join(paths.scratch, "gradients-upgrade-"));
    cleanup.defer(() => rm(folder, { recursive: true }));
    history = new History(join(folder, "history.ndjson"));
    customer = cleanup.use(new Customer(await door()));
    await customer.prepare();
  }, 20 * MINUTE);

  afterAll(() => cleanup.disposeAsync(), 5 * MINUTE);

  const door = async () => ({
    targets: { gateway: await installation.door("gateway") },
    apiKey: installation.apiKey,
    model: installation.models.tiny,
    history,
  });

  it(
    "loses no job and no call, runs each migration once, and leaves the release before at home in the newer schema",
    async () => {
      const { calls, retried, waits, failures } = await underLoad(async () => {
        const before = await migrations();
        await change("helm upgrade", releases.next, () => installation.upgrade(releases.next));
        const after = await migrations();
        expect(after).toEqual(expect.arrayContaining([...before]));
        expect(after.filter((line) => line.includes(NEXT_MIGRATION))).toHaveLength(schemas.length);
        await change("helm rollback", releases.earlier, () => installation.rollback(1));
        await change("helm upgrade again", releases.next, () => installation.upgrade(releases.next));
        expect(await migrations()).toEqual(after);
      });
      await customer.allEnded(5 * MINUTE);
      tell(`${calls} reads, ${retried} tried again, p99 ${seconds(percentile(waits, 0.99))}`);
      tell(`longest wait for an answer: ${seconds(Math.max(...waits))}`);
      tell(`${customer.accepted.length} jobs, ${interrupted(history)} of their watches resumed`);
      expect(failures).toEqual([]);
      expect(await checkOutcome({ servers: installation.servers, history, leftovers }, [customer])).toEqual(
        [],
      );
      const told = checkHistory(history.entries.map((entry) => `${JSON.stringify(entry)}\n`).join(""));
      expect(told.problems).toEqual([]);
      expect(told.ended).toBe(customer.accepted.length);
    },
    30 * MINUTE,
  );

  async function underLoad(work: () => Promise<void>): Promise<ReadReport> {
    const over = new AbortController();
    const reads = steadyReads(await door(), asks, READERS, over.signal);
    const load = Promise.all([reads, keepOrdering(over.signal)]);
    load.catch(() => {}); // seen below
    try {
      await work();
    } finally {
      over.abort();
      await Promise.allSettled([load]);
    }
    return (await load)[0];
  }

  /** One job after the other, of one pod at a time: two cores carry two of each service as well. */
  async function keepOrdering(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      const { name } = await customer.order({ contestants: 1, budgetSeconds: 5 });
      await customer.ended(name, 5 * MINUTE);
    }
  }

  /** While trainers run; afterwards every service is of the release, and says that it serves. */
  async function change(what: string, release: Release, act: () => Promise<void>): Promise<void> {
    await expect
      .poll(async () => (await runningPods()).length, { timeout: 2 * MINUTE, interval: 200 })
      .toBeGreaterThan(0);
    const start = performance.now();
    await act();
    tell(`${what}: ${seconds(performance.now() - start)}`);
    await expect
      .poll(servedImages, { timeout: 3 * MINUTE, interval: 500 })
      .toEqual([release.services.digest]);
    const log = await installation.test();
    tell(log);
    expect(log.match(/^ok {4}/gm)).toHaveLength(schemas.length + 2);
  }

  async function migrations(): Promise<readonly string[]> {
    const client = new pg.Client({ connectionString: installation.servers.postgres.url });
    await client.connect();
    try {
      const one = (schema: string) =>
        `select '${schema} ' || name || ' ' || timestamp as line from ${schema}.kysely_migration`;
      const { rows } = await client.query<{ line: string }>(
        `${schemas.map(one).join(" union all ")} order by 1`,
      );
      return rows.map(({ line }) => line);
    } finally {
      await client.end();
    }
  }

  async function leftovers(): Promise<readonly Violation[]> {
    const kinds = ["get", "jobs,pods,secrets", "--output", "name"];
    const names = await kubectlLines(...kinds, "--namespace", TRAINERS_NAMESPACE);
    const left = names.map((detail) => ({ promise: "no leftover of a pod", detail }));
    return [...left, ...(await leftUploads(installation.servers.s3))];
  }
});

/** A job is seconds of work. */
const settings = {
  gateway: { GATEWAY_JOBS_MIN_BUDGET_SECONDS: 1 },
  scorer: {
    SCORER_HELDOUT_ROWS_MIN: 8,
    SCORER_HELDOUT_ROWS_MAX: 16,
    SCORER_GENERATE_ROWS: 1,
    SCORER_MAX_NEW_TOKENS: 4,
  },
};

const asks: Parameters<typeof steadyReads>[1] = [
  (gateway) => gateway.getCaller({}),
  (gateway) => gateway.listModels({}),
  async (gateway) => gateway.listJobs({ parent: (await gateway.getCaller({})).project }),
];

/** Digests of the images that the services' pods run. */
async function servedImages(): Promise<readonly string[]> {
  const selector = "app.kubernetes.io/component in (gateway,scheduler,scorer,chain-bridge)";
  const image = "jsonpath={range .items[*]}{.spec.containers[0].image}{'\\n'}{end}";
  const pods = ["get", "pods", "--namespace", SERVICES_NAMESPACE, "--selector", selector];
  const images = await kubectlLines(...pods, "--output", image);
  return [...new Set(images.map((name) => name.split("@")[1] ?? name))];
}

function interrupted({ entries }: History): number {
  return entries.filter(({ op, type }) => op === "watch" && type === "info").length;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function tell(text: string): void {
  process.stdout.write(`${text}\n`);
}
