import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { AdmissionRules } from "@gradients/scheduler/domain/admission-rules";
import { parse, stringify } from "yaml";

/** Kueue's own description of its load, the part of it that it uses here. */
export interface Generator {
  readonly cohorts: readonly CohortSet[];
}

interface CohortSet {
  readonly className: string;
  readonly count: number;
  readonly queuesSets: readonly QueuesSet[];
}

interface QueuesSet {
  readonly className: string;
  readonly count: number;
  readonly nominalQuota: number;
  readonly borrowingLimit: number;
  readonly workloadsSets: readonly WorkloadsSet[];
}

interface WorkloadsSet {
  readonly count: number;
  readonly creationIntervalMs: number;
  readonly workloads: readonly WorkloadTemplate[];
}

interface WorkloadTemplate {
  readonly className: string;
  readonly runtimeMs: number;
  readonly priority: number;
  readonly request: number;
}

/** One queue's runs of one class, made one after the other. */
export interface Series {
  /** The account that they belong to in our terms. */
  readonly accountId: string;
  readonly hardwareClass: string;
  readonly className: string;
  readonly count: number;
  readonly intervalMs: number;
  readonly runtimeMs: number;
  /** Of the cohort's quota, for each run. */
  readonly request: number;
}

/** The load of Kueue's baseline, all of it or a part with the same intervals, run times and queues. */
export async function readGenerator(source: string, share: number): Promise<Generator> {
  const file = join(source, "test/performance/scheduler/configs/baseline/generator.yaml");
  const { cohorts } = parse(await readFile(file, "utf8")) as Generator;
  return {
    cohorts: cohorts.map((cohort) => ({
      ...cohort,
      queuesSets: cohort.queuesSets.map((queues) => ({
        ...queues,
        workloadsSets: queues.workloadsSets.map((set) => ({ ...set, count: Math.ceil(set.count * share) })),
      })),
    })),
  };
}

export const generatorText = (generator: Generator) => stringify(generator);

export function seriesOf({ cohorts }: Generator): readonly Series[] {
  return queuesOf(cohorts).flatMap(({ cohort, queue, queues }) =>
    queues.workloadsSets.flatMap(({ count, creationIntervalMs, workloads }) =>
      workloads.map(({ className, runtimeMs, request }) => ({
        accountId: accountOf(queue, className),
        hardwareClass: `${cohort}-${className}`,
        className,
        count,
        intervalMs: creationIntervalMs,
        runtimeMs,
        request,
      })),
    ),
  );
}

/**
 * The same quotas in our terms: a cohort is a pool, each class of run a hardware class that takes its request of it, and each queue's runs of one class an
 * account of that priority. What a queue may borrow reaches as far as its cohort, so no account has a quota of its own.
 */
export function rulesOf({ cohorts }: Generator): AdmissionRules {
  const pools: Record<string, { units: number; classes: Record<string, number> }> = {};
  const accounts: Record<string, { readonly priority: number }> = {};
  for (const { cohort, queue, queues } of queuesOf(cohorts)) {
    const pool = (pools[cohort] ??= { units: 0, classes: {} });
    pool.units += queues.nominalQuota;
    for (const { className, priority, request } of queues.workloadsSets.flatMap(
      ({ workloads }) => workloads,
    )) {
      pool.classes[`${cohort}-${className}`] = request;
      accounts[accountOf(queue, className)] = { priority };
    }
  }
  for (const { cohort, queue, queues } of queuesOf(cohorts))
    if (queues.nominalQuota + queues.borrowingLimit < (pools[cohort]?.units ?? 0))
      throw new Error(`${queue} may not borrow all of its cohort, for which there is no account's rule`);
  return { pools, accounts, common: { priority: 0, weight: 1, maxSlots: null }, patienceSeconds: 3_600 };
}

function queuesOf(cohorts: Generator["cohorts"]) {
  return cohorts.flatMap((set) =>
    Array.from({ length: set.count }, (_, cohort) => `${set.className}-${cohort}`).flatMap((cohort) =>
      set.queuesSets.flatMap((queues) =>
        Array.from({ length: queues.count }, (_, index) => ({
          cohort,
          queue: `${cohort}-${queues.className}-${index}`,
          queues,
        })),
      ),
    ),
  );
}

const accountOf = (queue: string, className: string) => `${queue}-${className}`;
