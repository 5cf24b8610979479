import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { SampleAnswer } from "@gradients/contracts/event";
import type { DownloadFile, Job, Verdict } from "@gradients/contracts/gateway";
import { downloadTo } from "@gradients/objects";
import colours from "picocolors";
import { paths } from "../../setup/paths.mjs";
import { DemoError } from "./demo-error.ts";
import type { Stage } from "./stage.ts";

const run = promisify(execFile);
const PROMPTS = 3;
const MAX_NEW_TOKENS = "64";

/** Downloads the winner by its presigned links, loads it with the base model, and asks it the first held-out prompts again. */
export async function showAnswers(stage: Stage, job: Job, verdict: Verdict): Promise<void> {
  const { screen, gateway, network, signal } = stage;
  const result = await gateway.getJobResult({ name: job.name });
  const folder = join(paths.cache, "demo", job.name.split("/").at(-1) ?? "job");
  await download(result.files, folder, signal);
  const size = result.files.reduce((sum, file) => sum + Number(file.size), 0);
  screen.print(
    `  winner downloaded: ${(size / 1e6).toFixed(1)} MB in ${result.files.length} files, digests checked`,
  );
  screen.print(colours.dim(`  ${folder}`));
  const samples = verdict.samples.slice(0, PROMPTS);
  const answers = await askTuned(samples, folder, network.modelFolder, signal);
  for (const [index, sample] of samples.entries()) {
    screen.print(`\n  ${colours.bold(oneLine(sample.prompt))}`);
    screen.print(`    base      ${mark(sample.baseAnswer, sample)} ${oneLine(sample.baseAnswer)}`);
    screen.print(`    tuned     ${mark(answers[index] ?? "", sample)} ${oneLine(answers[index] ?? "")}`);
    screen.print(colours.dim(`    reference   ${oneLine(sample.reference)}`));
  }
}

async function download(files: readonly DownloadFile[], folder: string, signal: AbortSignal): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const file of files) {
    await downloadTo(
      file.url,
      join(folder, file.fileName),
      { size: Number(file.size), sha256: file.sha256 },
      signal,
    );
  }
}

async function askTuned(
  samples: readonly SampleAnswer[],
  adapter: string,
  model: string,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const prompts = `${adapter}.prompts.jsonl`; // beside the artifact: a stranger among its files would be refused
  await writeFile(prompts, samples.map(({ prompt }) => `${JSON.stringify({ prompt })}\n`).join(""));
  const verb = ["-m", "gradients_engine", "generate"];
  const options = [
    "--model-dir",
    model,
    "--artifact-dir",
    adapter,
    "--prompts",
    prompts,
    "--max-new-tokens",
    MAX_NEW_TOKENS,
    "--threads",
    "2",
  ];
  try {
    const { stdout } = await run(paths.pythonBin, [...verb, ...options], { cwd: paths.engine, signal });
    return stdout
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { generated: string }).generated);
  } catch (cause) {
    const reason =
      cause instanceof Error && "stderr" in cause ? String(cause.stderr).trim().split("\n").at(-1) : "";
    throw new DemoError(`The downloaded adapter could not be loaded. ${reason}`, { cause });
  }
}

function mark(answer: string, { reference }: SampleAnswer): string {
  return sameAnswer(answer, reference) ? colours.green("✓") : colours.red("✗");
}

/** Equal as text or as JSON, as the evaluation counts an exact match. */
function sameAnswer(answer: string, reference: string): boolean {
  return answer.trim() === reference.trim() || canonical(answer) === canonical(reference);
}

function canonical(text: string): string {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? JSON.stringify(Object.entries(value).sort()) : text;
  } catch {
    return text;
  }
}

function oneLine(text: string): string {
  const flat = text.replaceAll(/\s+/g, " ").trim();
  return flat.length > 150 ? `${flat.slice(0, 147)}…` : flat;
}
