import { execFile, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { paths } from "../../../setup/paths.mjs";
import { sampleOf } from "../processes.ts";

export interface Setting {
  readonly device: "cpu" | "cuda";
  readonly batchSize: number;
  readonly steps: number;
  readonly threads: number;
}

/** What a run of some steps took. */
export interface Course {
  readonly tokensPerSecond: number;
  readonly tokensPerCpuSecond: number;
  readonly peakBytes: number;
  /** Tokens of all rows, and how many were computed. */
  readonly tokens: number;
  readonly computedTokens: number;
  /** By step, from 1. */
  readonly losses: ReadonlyMap<number, number>;
  readonly versions: Readonly<Record<string, string>>;
}

export type Contender = (setting: Setting, folder: string) => Promise<Course>;

/** Steps before which a run is not warm. */
const COLD_STEPS = 2;

export async function torchDevices(): Promise<readonly Setting["device"][]> {
  const { stdout } = await promisify(execFile)(paths.pythonBin, [
    "-c",
    "import torch; print(torch.cuda.is_available())",
  ]);
  return stdout.trim() === "True" ? ["cpu", "cuda"] : ["cpu"];
}

export const runOurs: Contender = async (setting, folder) => {
  const args = ["-m", "gradients_engine", "run", "--spec", await writeSpec(setting, folder)];
  const marks: Mark[] = [];
  const losses = new Map<number, number>();
  let result: EngineResult | undefined;
  await runPython(paths.pythonBin, args, setting, (line, cpuSeconds) => {
    const event = JSON.parse(line) as EngineEvent;
    if (event.type === "result") result = event;
    if (event.type !== "progress") return;
    marks.push({ step: event.step, tokens: event.tokens, seconds: event.train_seconds, cpuSeconds });
    losses.set(event.step, event.loss);
  });
  if (!result) throw new Error("The engine told no result");
  const { tokens, computed_tokens, peak_memory_bytes, torch_version } = result;
  return {
    ...ratesOf(marks),
    tokens,
    computedTokens: computed_tokens,
    peakBytes: peak_memory_bytes,
    losses,
    versions: { torch: torch_version },
  };
};

export const runTrl: Contender = async (setting, folder) => {
  const program = join(paths.engine, "bench/trl_sft.py");
  const args = [program, "--spec", await writeSpec(setting, folder)];
  let report: TrlReport | undefined;
  await runPython(join(paths.pythonWithTrl, "bin/python"), args, setting, (line) => {
    if (line.startsWith('{"seconds"')) report = JSON.parse(line) as TrlReport; // TRL prints lines of its own
  });
  if (!report) throw new Error("TRL told no result");
  const { seconds, cpu_seconds, tokens, losses, peak_memory_bytes, trl } = report;
  const marks = tokens.map((sum, index) => ({
    step: index + 1,
    tokens: sum,
    seconds: seconds[index] ?? 0,
    cpuSeconds: cpu_seconds[index] ?? 0,
  }));
  const all = tokens.at(-1) ?? 0;
  return {
    ...ratesOf(marks),
    tokens: all,
    computedTokens: all,
    peakBytes: peak_memory_bytes,
    losses: new Map(losses.map((loss, index) => [index + 1, loss])),
    versions: { TRL: trl },
  };
};

interface Mark {
  readonly step: number;
  /** Sums up to the end of the step. */
  readonly tokens: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

function ratesOf(marks: readonly Mark[]): Pick<Course, "tokensPerSecond" | "tokensPerCpuSecond"> {
  const first = marks.find(({ step }) => step >= COLD_STEPS);
  const last = marks.at(-1);
  if (!first || !last || first === last) throw new Error("Too few steps were reported");
  const tokens = last.tokens - first.tokens;
  return {
    tokensPerSecond: tokens / (last.seconds - first.seconds),
    tokensPerCpuSecond: tokens / (last.cpuSeconds - first.cpuSeconds),
  };
}

async function writeSpec({ batchSize, steps, threads }: Setting, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const file = join(folder, "spec.json");
  const never = 1_000_000;
  const spec = {
    kind: "train",
    model_dir: paths.model,
    train_file: paths.dataset,
    format: "instruct",
    columns: { instruction: "instruction", input: "input", output: "output" },
    method: "lora",
    settings: { learning_rate: 5e-4, schedule: "constant", batch_size: batchSize, lora: { rank: 8 } },
    seed: 1,
    budget_seconds: never,
    max_steps: steps,
    threads,
    max_length: 512,
    checkpoint_every_seconds: never,
    checkpoint_dir: join(folder, "checkpoints"),
    resume_from: null,
    output_dir: join(folder, "output"),
  };
  await writeFile(file, JSON.stringify(spec));
  return file;
}

/** Calls `onLine` with each line of output and the CPU seconds that the program had taken by then. */
async function runPython(
  program: string,
  args: readonly string[],
  { device }: Setting,
  onLine: (line: string, cpuSeconds: number) => void,
): Promise<void> {
  const env = {
    ...process.env,
    PYTHONPATH: paths.engine,
    HF_HUB_OFFLINE: "1",
    TRANSFORMERS_OFFLINE: "1",
    ...(device === "cpu" ? { CUDA_VISIBLE_DEVICES: "" } : {}),
  };
  const child = spawn(program, [...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors = `${errors}${chunk.toString()}`.slice(-2_000);
  });
  const ended = new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
  for await (const line of createInterface({ input: child.stdout }))
    onLine(line, sampleOf(child.pid ?? 0)?.cpuSeconds ?? Number.NaN);
  const code = await ended;
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}:\n${errors}`);
}

type EngineEvent =
  | {
      readonly type: "progress";
      readonly step: number;
      readonly tokens: number;
      readonly train_seconds: number;
      readonly loss: number;
    }
  | EngineResult
  | { readonly type: "phase" };

interface EngineResult {
  readonly type: "result";
  readonly tokens: number;
  readonly computed_tokens: number;
  readonly peak_memory_bytes: number;
  readonly torch_version: string;
}

interface TrlReport {
  readonly seconds: readonly number[];
  readonly cpu_seconds: readonly number[];
  readonly tokens: readonly number[];
  readonly losses: readonly number[];
  readonly peak_memory_bytes: number;
  readonly trl: string;
}
