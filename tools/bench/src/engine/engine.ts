import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { paths } from "../../../setup/paths.mjs";
import { type Benchmark, type Figure, type Findings, figureTable, type RunOptions } from "../benchmark.ts";
import { median } from "../statistics.ts";
import { type Contender, type Course, runOurs, runTrl, type Setting, torchDevices } from "./run-contender.ts";

export const engineBenchmark: Benchmark = {
  name: "engine",
  title: "Training engine beside TRL",
  about: "tokens per second and peak memory of our engine beside TRL's SFTTrainer at equal settings",
  minutes: 15,
  run,
};

/** Largest difference of the two losses of a step, relative: fp32 sums in another order; bf16 products on a GPU. */
const tolerance = { cpu: 1e-3, cuda: 3e-2 } as const;

async function run(options: RunOptions): Promise<Findings> {
  await installTrl();
  const folder = await mkdtemp(join(paths.scratch, "gradients-bench-engine-"));
  try {
    const figures: Figure[] = [];
    const notes: string[] = [];
    let versions: Readonly<Record<string, string>> = {};
    for (const device of await torchDevices()) {
      const setting = settingOf(device, options);
      const pairs = await runPairs(setting, folder, options);
      figures.push(...figuresOf(device, pairs));
      notes.push(lossNote(device, pairs), computedNote(device, pairs));
      versions = { ...versions, ...pairs[0]?.ours.versions, ...pairs[0]?.trl.versions };
    }
    return { method: methodOf(options), tables: [figureTable(figures)], notes, versions };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface Pair {
  readonly ours: Course;
  readonly trl: Course;
}

function settingOf(device: "cpu" | "cuda", { isQuick }: RunOptions): Setting {
  const size =
    device === "cpu"
      ? { batchSize: 8, steps: isQuick ? 4 : 24 }
      : { batchSize: 32, steps: isQuick ? 20 : 60 };
  return { device, ...size, threads: 2 };
}

/** Who goes first changes with each pair. */
async function runPairs(
  setting: Setting,
  folder: string,
  { isQuick, say }: RunOptions,
): Promise<readonly Pair[]> {
  const pairs: Pair[] = [];
  for (let index = 0; index < (isQuick ? 1 : 3); index += 1) {
    const one = async (contender: Contender) => {
      const course = await contender(setting, join(folder, `${setting.device}-${index}-${contender.name}`));
      say(`  ${setting.device}, ${contender.name}: ${course.tokensPerSecond.toFixed(0)} tokens/s`);
      return course;
    };
    if (index % 2 === 0) {
      const ours = await one(runOurs);
      pairs.push({ ours, trl: await one(runTrl) });
    } else {
      const trl = await one(runTrl);
      pairs.push({ trl, ours: await one(runOurs) });
    }
  }
  return pairs;
}

function figuresOf(device: string, pairs: readonly Pair[]): readonly Figure[] {
  const middle = (pick: (pair: Pair) => number) => median(pairs.map(pick));
  const what = "TRL SFTTrainer";
  const trlRate = middle(({ trl }) => trl.tokensPerSecond);
  return [
    {
      what: `${device}: tokens of the rows per second`,
      value: middle(({ ours }) => ours.tokensPerSecond),
      unit: "tokens/s",
      beside: { what, value: trlRate },
      target: { atLeast: trlRate },
    },
    {
      what: `${device}: the same per second of CPU`,
      value: middle(({ ours }) => ours.tokensPerCpuSecond),
      unit: "tokens/s",
      beside: { what, value: middle(({ trl }) => trl.tokensPerCpuSecond) },
    },
    {
      what: `${device}: peak memory`,
      value: middle(({ ours }) => ours.peakBytes / 2 ** 20),
      unit: "MiB",
      beside: { what, value: middle(({ trl }) => trl.peakBytes / 2 ** 20) },
    },
  ];
}

function lossNote(device: "cpu" | "cuda", pairs: readonly Pair[]): string {
  const largest = Math.max(...pairs.map(largestDifference));
  const bound = tolerance[device];
  const verdict = largest <= bound ? "within" : "NOT within";
  return `${device}: the losses of the two differ by ${(largest * 100).toPrecision(2)} % in the worst step, ${verdict} the tolerance of ${bound * 100} %; first ${loss(pairs, 0)}, last ${loss(pairs, -1)}.`;
}

function largestDifference({ ours, trl }: Pair): number {
  const differences = [...ours.losses].map(([step, value]) => {
    const other = trl.losses.get(step);
    return other === undefined ? 0 : Math.abs(value - other) / other;
  });
  return Math.max(...differences);
}

function loss(pairs: readonly Pair[], at: number): string {
  return [...(pairs[0]?.ours.losses.values() ?? [])].at(at)?.toFixed(4) ?? "-";
}

function computedNote(device: string, pairs: readonly Pair[]): string {
  const { tokens = 0, computedTokens = 0 } = pairs[0]?.ours ?? {};
  return `${device}: of ${tokens} tokens in the rows our engine computed ${computedTokens}: the prompt start that all rows of a micro-batch share is computed once.`;
}

function methodOf({ isQuick }: RunOptions): string {
  const { batchSize, steps } = settingOf("cpu", { isQuick } as RunOptions);
  return `SmolLM2-135M-Instruct on the demo's rows: LoRA of rank 8 on all linear layers, ${batchSize} rows a step and ${steps} steps on a CPU with 2 threads (32 rows and 60 steps on a GPU), learning rate 5e-4 constant, AdamW, gradient norm 1, loss on completion tokens, no activation checkpointing, fp32 on a CPU, bf16 arithmetic with fp32 adapters on a GPU. TRL gets the same token ids in the same order and adapters from the same seed, and pads its batches; its packing would make other batches. Rates leave the first two steps out; each run is a process of its own, who goes first changes with each pair, medians of ${isQuick ? 1 : 3} pairs. Peak memory is the process's largest resident set, on a GPU the largest allocation.`;
}

/** Once: 6 GB of links to what the engine's own environment has, and TRL. */
async function installTrl(): Promise<void> {
  const setup = join(paths.repositoryRoot, "tools/setup/setup.mjs");
  const child = spawn(process.execPath, [setup, "--with", "trl"], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  const code = await new Promise((resolve, reject) => child.once("error", reject).once("exit", resolve));
  if (code !== 0) throw new Error("The Python environment with TRL could not be made");
}
