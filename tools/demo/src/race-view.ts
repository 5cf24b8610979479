import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { AttemptProgress } from "@gradients/contracts/event";
import { type Attempt, Attempt_State, type Job, Job_State } from "@gradients/contracts/gateway";
import colours from "picocolors";

const BAR = 24;
const paints = [colours.blue, colours.yellow, colours.green, colours.magenta];

/** What the race looks like now: the job, and the newest figures of each attempt. */
export interface RaceState {
  readonly job: Job;
  readonly progress: ReadonlyMap<string, AttemptProgress>;
  readonly evaluations: ReadonlyMap<string, AttemptProgress>;
}

/** One line per contestant, drawn again in place: bar, loss, tokens/s, time left. */
export function raceBlock(state: RaceState): readonly string[] {
  const lines = [
    ...state.job.attempts.map((attempt, index) => attemptLine(attempt, index, state)),
    ...adviceLines(state),
  ];
  return state.job.state === Job_State.EVALUATING ? [...lines, "", ...evaluationLines(state)] : lines;
}

/** The same as plain lines for a log. */
export function raceLines(state: RaceState): readonly string[] {
  if (state.job.state === Job_State.EVALUATING) return evaluationLines(state);
  const told = state.job.attempts.filter(
    ({ state, waiting }) => state === Attempt_State.RUNNING || waiting !== undefined,
  );
  return [...told.map((attempt) => `  ${title(attempt)}  ${figures(attempt, state)}`), ...adviceLines(state)];
}

/** What can be done about those that wait, each advice once. */
function adviceLines({ job }: RaceState): readonly string[] {
  const advice = new Set(job.attempts.flatMap(({ waiting }) => waiting?.advice ?? []));
  return [...advice].map((line) => colours.dim(`  ${line}`));
}

function attemptLine(attempt: Attempt, index: number, state: RaceState): string {
  const paint = paints[index % paints.length] ?? colours.white;
  const share = attempt.state === Attempt_State.SUCCEEDED ? 1 : shareOf(attempt, state);
  const filled = Math.round(share * BAR);
  const bar = paint("█".repeat(filled)) + colours.dim("░".repeat(BAR - filled));
  return `  ${title(attempt)} ${bar} ${figures(attempt, state)}`;
}

function figures(attempt: Attempt, { progress }: RaceState): string {
  if (attempt.state === Attempt_State.FAILED) return colours.red(attempt.failure?.message ?? "failed");
  if (attempt.state === Attempt_State.QUEUED) return waitText(attempt);
  if (attempt.state === Attempt_State.CANCELLED) return colours.dim("stopped");
  const point = progress.get(attempt.attemptId)?.points.at(-1);
  if (point === undefined) return colours.dim(progress.get(attempt.attemptId)?.phase ?? "starting");
  const left =
    attempt.state === Attempt_State.SUCCEEDED ? "finished" : `${Math.ceil(point.etaSeconds)} s left`;
  return `loss ${point.loss.toFixed(3)}  ${point.tokensPerSecond.toFixed(0).padStart(4)} tokens/s  ${String(point.examples).padStart(5)} examples  ${left}`;
}

function waitText({ waiting }: Attempt): string {
  if (waiting?.since === undefined) return colours.dim("waiting for a slot");
  const since = timestampDate(waiting.since).toLocaleTimeString("en-GB");
  return colours.yellow(`waiting since ${since}: ${waiting.message}`);
}

function evaluationLines({ evaluations }: RaceState): readonly string[] {
  const total = [...evaluations.values()].reduce(
    (sum, { points }) => sum + Number(points.at(-1)?.totalSteps ?? 0n),
    0,
  );
  const done = [...evaluations.values()].reduce(
    (sum, { points }) => sum + Number(points.at(-1)?.step ?? 0n),
    0,
  );
  const phases = [...evaluations.values()].map(({ phase }) => phase).join(", ");
  return [
    `  scoring on held-out examples: ${done} of ${total || "…"} rows${phases ? colours.dim(`  (${phases})`) : ""}`,
  ];
}

function shareOf(attempt: Attempt, { job, progress }: RaceState): number {
  const seconds = progress.get(attempt.attemptId)?.points.at(-1)?.trainSeconds ?? 0;
  return job.budgetSeconds === 0 ? 0 : Math.min(1, seconds / job.budgetSeconds);
}

function title(attempt: Attempt): string {
  return (attempt.recipeTitle || attempt.recipe).padEnd(26).slice(0, 26);
}
