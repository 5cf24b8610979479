import { findKueue, kubernetesVersion, missingBinaries } from "@gradients/cluster";
import {
  type Benchmark,
  type Figure,
  type Findings,
  figureTable,
  number,
  type RunOptions,
  type Table,
} from "../benchmark.ts";
import { median } from "../statistics.ts";
import { type KueueForm, managerForm, minimalForm } from "./kueue-forms.ts";
import { runKueues } from "./kueues.ts";
import { readGenerator, seriesOf } from "./load.ts";
import { runOurs } from "./ours.ts";
import type { Outcome } from "./outcome.ts";
import { readBounds } from "./range-spec.ts";

export const kueueBenchmark: Benchmark = {
  name: "kueue",
  title: "Admission beside Kueue",
  about: "Kueue's baseline load through our admitter and through minimalkueue, at 50 calls a second",
  minutes: 30,
  run: (options) => run(minimalForm, options),
};

export const kueueManagerBenchmark: Benchmark = {
  name: "kueue-manager",
  title: "Admission beside Kueue's manager",
  about: "the same load through our admitter and through the whole of Kueue, at 300 calls a second",
  minutes: 15,
  run: (options) => run(managerForm, options),
};

const QUICK_SHARE = 1 / 20;
const ROUNDS = 2;
const FULL = 15_000;

async function run(form: KueueForm, options: RunOptions): Promise<Findings> {
  const problem = form.problem() ?? missingBinaries("kueue-runner");
  if (problem !== undefined) throw new Error(problem);
  const source = await findKueue();
  const generator = await readGenerator(source.folder, options.share ?? (options.isQuick ? QUICK_SHARE : 1));
  const total = seriesOf(generator).reduce((sum, { count }) => sum + count, 0);
  const found = { ours: [] as Outcome[], kueues: [] as Outcome[] };
  for (let round = 0; round < (options.rounds ?? (options.isQuick ? 1 : ROUNDS)); round += 1)
    for (const who of round % 2 === 0 ? (["kueues", "ours"] as const) : (["ours", "kueues"] as const)) {
      const outcome = await (who === "ours"
        ? runOurs(generator, form.limits, options)
        : runKueues(generator, source, form));
      found[who].push(outcome);
      options.say(`  ${who === "ours" ? "our admitter" : form.program}: ${number(outcome.wallSeconds)} s`);
    }
  return {
    method: methodOf(total, found.ours.length, form),
    tables: [
      figureTable(figuresOf(total, form, found)),
      classTable(form, found, await readBounds(source.folder)),
      callTable(total, form, found),
    ],
    versions: { Kueue: source.version, Kubernetes: kubernetesVersion },
  };
}

interface Found {
  readonly ours: readonly Outcome[];
  readonly kueues: readonly Outcome[];
}

const middle = (outcomes: readonly Outcome[], of: (outcome: Outcome) => number) => median(outcomes.map(of));

function figuresOf(total: number, { program }: KueueForm, { ours, kueues }: Found): readonly Figure[] {
  const lost = (what: string, outcomes: readonly Outcome[]): Figure => ({
    what,
    value: Math.max(...outcomes.map(({ made, ended }) => total - Math.min(made, ended))),
    unit: "runs",
    target: { atMost: 0 },
  });
  const both = (what: string, unit: string, of: (outcome: Outcome) => number, share?: number): Figure => {
    const value = middle(kueues, of);
    const beside = { what: program, value };
    return {
      what,
      value: middle(ours, of),
      unit,
      beside,
      ...(share !== undefined && { target: { atMost: value * share } }),
    };
  };
  return [
    both("first run made to last run ended", "s", ({ wallSeconds }) => wallSeconds, 0.6),
    both("CPU of the admitter", "s", ({ cpuSeconds }) => cpuSeconds, 1),
    both("peak resident memory of the admitter", "MiB", (one) => one.peakRssBytes / 2 ** 20, 1),
    both("CPU of the API server", "s", ({ apiServerCpuSeconds }) => apiServerCpuSeconds),
    both("calls of the admitter", "calls/run", ({ calls }) => calls / total),
    lost("runs that we lost", ours),
    lost("runs that Kueue lost", kueues),
  ];
}

/** As Kueue's check judges it. */
function classTable(
  { program }: KueueForm,
  { ours, kueues }: Found,
  bounds: Readonly<Record<string, number>>,
): Table {
  const mean = (outcomes: readonly Outcome[], name: string) =>
    `${number(middle(outcomes, ({ classes }) => classes[name]?.meanMs ?? Number.NaN) / 1000)} s`;
  const evictions = (name: string) =>
    String(middle(kueues, ({ classes }) => classes[name]?.evictions ?? Number.NaN));
  return {
    head: [
      "class, first to last",
      "runs",
      "mean time to admission, ours",
      `${program}'s`,
      "Kueue's bound on 6 cores",
      "evictions by Kueue",
    ],
    rows: ["large", "medium", "small"].map((name) => [
      name,
      String(ours[0]?.classes[name]?.count ?? 0),
      mean(ours, name),
      mean(kueues, name),
      `${number((bounds[name] ?? Number.NaN) / 1000)} s`,
      evictions(name),
    ]),
  };
}

/** What comes less often than for one run in a hundred is left out. */
function callTable(total: number, { program }: KueueForm, { ours, kueues }: Found): Table {
  const rows = (who: string, [outcome]: readonly Outcome[]) =>
    [...(outcome?.callsByKind ?? [])]
      .filter(([, count]) => count >= total / 100)
      .toSorted(([, a], [, b]) => b - a)
      .map(([kind, count]) => [who, kind, number(count / total)]);
  return {
    head: ["who", "calls of the first round", "for each run"],
    rows: [...rows("our admitter", ours), ...rows(program, kueues)],
  };
}

function methodOf(total: number, rounds: number, { about, limits, program }: KueueForm): string {
  const { perSecond, burst } = limits;
  const counted =
    program === "minimalkueue"
      ? "; client-go counts that per kind of object, we count all calls together"
      : "";
  return `Kueue's baseline (${total} of its ${FULL} runs, of three classes in 30 queues and 5 cohorts, with its intervals, run times and quotas) through each admitter, ${rounds === 1 ? "once" : `${rounds} times in alternating order`}, each time before a new etcd and kube-apiserver with the same flags; no pods, as in Kueue's own benchmark. Kueue: ${about}; a run is a Workload, admission writes its status. Ours: a run is the product's own suspended Job (4 KB, more than a Workload has), admission lets it begin; a program does what Kueue's runner does (make, end after the run time, take times), with the same client limit of 1,000 calls a second. Both admitters: ${perSecond} calls a second, ${burst} at once${counted}. A cohort is a pool of ours, a class of run a hardware class that takes its request of the pool, a queue's runs of one class an account with their priority. We let smaller work wait for larger of higher priority where Kueue evicts, and nothing is ever evicted. Memory settings of Node as the chart has them for the scheduler. What is the product's: plan of placements, back-pressure, work queue, client, watch and the call that lets a Job begin. What is not: its queue is rows in PostgreSQL, here it is the suspended Jobs, as for Kueue; what those rows cost is under "Jobs and pods in Kubernetes". Wall time is from the API server's audit log.`;
}
