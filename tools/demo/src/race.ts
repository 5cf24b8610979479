import type { AttemptProgress } from "@gradients/contracts/event";
import { type Job, Job_State } from "@gradients/contracts/gateway";
import colours from "picocolors";
import { type RaceState, raceBlock, raceLines } from "./race-view.ts";
import type { Stage } from "./stage.ts";

const over: ReadonlySet<Job_State> = new Set([Job_State.SUCCEEDED, Job_State.FAILED, Job_State.CANCELLED]);

/** Follows the job to its end by Watch and draws what happens. */
export async function watchRace({ gateway, screen, signal }: Stage, accepted: Job): Promise<Job> {
  let state: RaceState = { job: accepted, progress: new Map(), evaluations: new Map() };
  for await (const { event } of gateway.watchJob({ name: accepted.name }, { signal })) {
    if (event.case === "job") {
      const before = state.job;
      state = { ...state, job: event.value };
      if (before.state !== event.value.state) announce(screen.print, event.value);
      if (over.has(event.value.state)) break;
    }
    if (event.case === "progress") state = withProgress(state, event.value);
    screen.redraw(raceBlock(state), () => raceLines(state));
  }
  screen.redraw(raceBlock(state), () => raceLines(state));
  screen.settle();
  return state.job;
}

function announce(print: (line: string) => void, job: Job): void {
  switch (job.state) {
    case Job_State.QUEUED:
      return print(
        `  ${job.trainRows} rows to train on, ${job.heldoutRows} held out; commitment ${colours.dim(job.heldoutCommitment.slice(0, 16))}…`,
      );
    case Job_State.RACING:
      return print("  all contestants start together");
    case Job_State.EVALUATING:
      return print("  the race is over");
    default:
  }
}

function withProgress(state: RaceState, progress: AttemptProgress): RaceState {
  if (progress.evaluationId !== "") {
    const before = state.evaluations.get(progress.evaluationId);
    const merged =
      progress.points.length > 0 || before === undefined ? progress : { ...progress, points: before.points };
    return { ...state, evaluations: new Map(state.evaluations).set(progress.evaluationId, merged) };
  }
  const before = state.progress.get(progress.attemptId);
  const merged =
    progress.points.length > 0 || before === undefined ? progress : { ...progress, points: before.points };
  return { ...state, progress: new Map(state.progress).set(progress.attemptId, merged) };
}
