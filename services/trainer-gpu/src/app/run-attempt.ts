import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type GetAssignmentResponse, UploadPurpose } from "@gradients/contracts/trainer";
import { failpoint } from "@gradients/kernel";
import { annotateSpan, type Logger } from "@gradients/runtime";
import type { TrainerConfig } from "../config.ts";
import { CheckpointUploads } from "./checkpoint-uploads.ts";
import { type EngineEvent, type EngineResult, toPoint } from "./engine-events.ts";
import type { EngineRunner } from "./engine-runner.ts";
import { type Halt, Halted } from "./halt.ts";
import { type EngineError, type Outcome, outcomeOfEngine, outcomeOfError } from "./outcome.ts";
import { PhaseSpans } from "./phase-spans.ts";
import type { Relay } from "./relay.ts";
import { Reporter } from "./reporter.ts";
import { listenForEngine } from "./socket-engine.ts";
import { spawnedEngine } from "./spawn-engine.ts";
import { stageInputs } from "./stage-inputs.ts";
import { timeLeftMs } from "./time-left.ts";
import { uploadFiles } from "./upload-files.ts";
import { type OpenFile, UnsafeFile, WorkFolder } from "./work-folder.ts";

export interface AttemptDeps {
  readonly config: TrainerConfig;
  readonly relay: Relay;
  readonly halt: Halt;
  readonly logger: Logger;
}

/** finished: a result was delivered. abandoned: another placement has the attempt, or nobody wants it or can be told any more. */
export type AttemptEnd = "finished" | "failed" | "interrupted" | "abandoned";

/** For the last call when there is no time left. */
const LAST_WORD_MS = 10_000;

/** From the first call to the last: one attempt, and then the pod has nothing left to do. */
export async function runAttempt(deps: AttemptDeps): Promise<AttemptEnd> {
  const outcome = await attempt(deps).catch((error: unknown) => {
    if (!(error instanceof Halted)) deps.logger.error({ err: error }, "attempt broke off");
    return outcomeOfError(error);
  });
  const end = outcome ? await sayLastWord(deps, outcome) : "abandoned";
  // With the scheduler gone, nobody else clears up behind us.
  if (deps.halt.cause === "relay_lost") await clearUp(deps);
  return end;
}

async function clearUp({ config, logger }: AttemptDeps): Promise<void> {
  await rm(config.workDir, { recursive: true, force: true }).catch((error: unknown) => {
    // An engine of another user may have closed its folders to us: they go with the pod.
    logger.warn({ err: error }, "the work folder could not be removed");
  });
}

async function attempt(deps: AttemptDeps): Promise<Outcome> {
  const { relay, halt, logger } = deps;
  const assignment = await relay.getAssignment(halt.signal);
  failpoint("trainer.assigned");
  const { jobId, attemptId, heartbeatSeconds } = assignment;
  logger.info({ job_id: jobId, attempt_id: attemptId, inputs: assignment.inputs.length }, "assignment taken");
  annotateSpan({ "gradients.job.id": jobId, "gradients.attempt.id": attemptId });
  const spans = new PhaseSpans();
  spans.enter("staging");
  const reporter = new Reporter(relay, halt, logger);
  const done = new AbortController();
  const reporting = reporter.run(heartbeatSeconds, AbortSignal.any([done.signal, halt.atOnce]));
  const deadline = armDeadline(halt, timeLeftMs(assignment));
  try {
    return await work(deps, assignment, { reporter, spans });
  } finally {
    spans.end();
    clearTimeout(deadline);
    done.abort();
    await reporting;
    if (!halt.atOnce.aborted) await reporter.flush(halt.atOnce);
  }
}

function armDeadline(halt: Halt, leftMs: number | undefined): NodeJS.Timeout | undefined {
  if (leftMs === undefined) return undefined;
  return setTimeout(() => halt.request("deadline"), leftMs);
}

async function work(
  deps: AttemptDeps,
  assignment: GetAssignmentResponse,
  watchers: Watchers,
): Promise<Outcome> {
  const { config, relay, halt, logger } = deps;
  await makePrivate(config.scratchDir);
  await using folder = await WorkFolder.create(config.workDir, config.maxOutputBytes);
  await using engine = await engineOf(config, logger);
  await stage(deps, assignment, folder.root);
  failpoint("trainer.staged");
  const checkpoints = new CheckpointUploads(relay, folder, halt.atOnce, logger);
  const seen: Seen = { result: undefined, error: undefined };
  const task = { workDir: folder.path, threads: config.threads, stopSeconds: config.stopSeconds / 2 };
  const end = await engine.run(task, halt, (event) => follow(event, { ...watchers, seen, checkpoints }));
  failpoint("trainer.engine-ended");
  halt.atOnce.throwIfAborted();
  if (end.exitCode === 0 && seen.result) return await deliver(deps, seen.result, folder, watchers);
  enter(watchers, "uploading");
  await checkpoints.settled();
  logger.warn(
    { exit_code: end.exitCode, signal: end.signal, error: seen.error, output: end.lastLines },
    "engine ended early",
  );
  return outcomeOfEngine(end, seen.error, halt.cause);
}

/** Where it is ours to decide: a folder that the pod was given is closed by being mounted for us alone. */
async function makePrivate(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o700).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EPERM") throw error;
  });
}

async function engineOf(config: TrainerConfig, logger: Logger): Promise<EngineRunner> {
  const { engine, engineConnectSeconds: connectSeconds, engineDir, engineEnvironment: environment } = config;
  if ("socket" in engine) return listenForEngine({ path: engine.socket, connectSeconds, logger });
  return spawnedEngine({ python: engine.python, engineDir, environment, logger });
}

async function stage(
  { config, relay, halt }: AttemptDeps,
  assignment: GetAssignmentResponse,
  workDir: string,
): Promise<void> {
  const folders = { workDir, cacheDir: config.cacheDir, engineSeesCache: "python" in config.engine };
  try {
    await stageInputs(assignment.inputs, folders, halt.signal);
  } catch (error) {
    if (halt.signal.aborted) throw error;
    // URLs may have run out, or the network was away: fresh URLs, and what is there already is not fetched again.
    const { inputs } = await relay.getAssignment(halt.signal);
    await stageInputs(inputs, folders, halt.signal);
  }
  await writeFile(join(workDir, "spec.json"), assignment.engineSpecJson);
}

interface Seen {
  result: EngineResult | undefined;
  error: EngineError | undefined;
}

/** Who hears of the phases and figures: the customer, and the operators' trace. */
interface Watchers {
  readonly reporter: Reporter;
  readonly spans: PhaseSpans;
}

function enter({ reporter, spans }: Watchers, phase: string): void {
  reporter.enter(phase);
  spans.enter(phase);
}

interface Followers extends Watchers {
  readonly seen: Seen;
  readonly checkpoints: CheckpointUploads;
}

function follow(event: EngineEvent, followers: Followers): void {
  const { seen, reporter, spans, checkpoints } = followers;
  switch (event.type) {
    case "phase":
      return enter(followers, event.phase);
    case "progress":
      spans.step(event);
      return reporter.add(toPoint(event));
    case "checkpoint":
      spans.checkpoint(event);
      return checkpoints.add(event);
    case "result":
      seen.result = event;
      return;
    case "error":
      seen.error = event;
  }
}

async function deliver(
  deps: AttemptDeps,
  result: EngineResult,
  folder: WorkFolder,
  watchers: Watchers,
): Promise<Outcome> {
  enter(watchers, "uploading");
  await using output = await folder.openFiles("output");
  return await (result.kind === "train"
    ? deliverArtifact(deps, result, output.files)
    : deliverScores(deps, result, output.files));
}

async function deliverArtifact(
  { relay, halt }: AttemptDeps,
  result: Extract<EngineResult, { kind: "train" }>,
  output: readonly OpenFile[],
): Promise<Outcome> {
  if (output.length === 0) throw new UnsafeFile("output holds no file");
  const about = { purpose: UploadPurpose.ARTIFACT, step: 0n };
  const artifact = await uploadFiles(relay, output, about, halt.atOnce);
  failpoint("trainer.artifact-uploaded");
  const stats = {
    steps: result.steps,
    examples: result.examples,
    tokens: result.tokens,
    trainSeconds: result.train_seconds,
    finalLoss: result.final_loss,
    trainableParameters: result.trainable_parameters,
    peakMemoryBytes: result.peak_memory_bytes,
    rowsLeftOut: result.rows_without_completion,
    engineVersion: result.engine_version,
    device: result.device,
  };
  return { case: "trained", value: { artifact: [...artifact], stats } };
}

async function deliverScores(
  { relay, halt }: AttemptDeps,
  result: Extract<EngineResult, { kind: "evaluate" }>,
  output: readonly OpenFile[],
): Promise<Outcome> {
  const about = { purpose: UploadPurpose.SCORES, step: 0n };
  const scores = output.filter(({ name }) => name === "scores.jsonl");
  if (scores.length === 0) throw new UnsafeFile("there is no scores.jsonl");
  const [file] = await uploadFiles(relay, scores, about, halt.atOnce);
  failpoint("trainer.scores-uploaded");
  if (!file?.object) throw new Error("The relay has no record of the scores");
  const {
    loads,
    finite,
    changed,
    safetensors_only: safetensorsOnly,
    update_norm: updateNorm,
  } = result.checks;
  const checks = {
    loads,
    finite,
    changed,
    safetensorsOnly,
    updateNorm,
    weightsSha256: result.weights_sha256,
  };
  const value = { scores: file.object, checks, engineVersion: result.engine_version, device: result.device };
  return { case: "evaluated", value };
}

async function sayLastWord({ relay, halt, logger }: AttemptDeps, outcome: Outcome): Promise<AttemptEnd> {
  const signal = halt.signal.aborted ? AbortSignal.timeout(LAST_WORD_MS) : halt.signal;
  try {
    failpoint("trainer.before-report");
    await relay.finish(outcome, signal);
    failpoint("trainer.reported");
  } catch (error) {
    // Whatever it was, the scheduler finds out by the lease.
    logger.warn({ err: error, outcome: outcome.case }, "the end could not be reported");
    return "abandoned";
  }
  logger.info({ outcome: outcome.case }, "attempt over");
  if (outcome.case === "failed") return "failed";
  return outcome.case === "interrupted" ? "interrupted" : "finished";
}
