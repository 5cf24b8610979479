import type { AttemptCommand } from "../../../../services/scheduler/src/domain/attempt-machine.ts";
import { failureOf } from "../../../../services/scheduler/src/domain/failures.ts";
import type { Move, Moves, Pace } from "./moves.ts";
import { moveAttempt, type Rules } from "./scheduler.ts";
import { isSilent } from "./scheduler-moves.ts";
import type { Attempt, JobWorld, Pod } from "./world.ts";

/** What the pods of a job's attempts do: each speaks with the epoch that it was started with, whatever has happened since. */
export const podMoves: Moves = (rules, job) =>
  job.attempts.flatMap((attempt, index) =>
    attempt ? attempt.pods.flatMap((pod, place) => movesOf(rules, { index, place }, attempt, pod)) : [],
  );

interface Where {
  readonly index: number;
  readonly place: number;
}

function movesOf(rules: Rules, where: Where, attempt: Attempt, pod: Pod): Move[] {
  const { epoch, phase } = pod;
  const name = `pod ${where.index}/${epoch}`;
  if (phase === "ended" || isSilent(rules, pod)) return [];
  const gone: Move[] = [
    {
      label: `${name} dies`,
      pace: "life",
      costs: "crashes",
      apply: (target) => void (podAt(target, where).phase = "ended"),
    },
    {
      label: `${name} vanishes with its node`,
      pace: "life",
      costs: "crashes",
      apply: (target) => removePod(target, where),
    },
  ];
  const says = (
    label: string,
    pace: Pace,
    command: AttemptCommand,
    isHeard: "leaves" | "stays" | "works",
  ): Move => ({
    label: `${name} ${label}`,
    pace,
    apply: (target) => speak(rules, target, where, command, isHeard),
  });
  const lost = (move: Move): Move => ({
    ...move,
    label: `${move.label}, the answer is lost`,
    costs: "crashes",
  });
  if (phase === "starting") {
    const assign: AttemptCommand = { type: "assign", epoch };
    return [
      says("asks for its work", "ask", assign, "works"),
      lost(says("asks for its work", "ask", assign, "stays")),
      ...gone,
    ];
  }
  const succeed: AttemptCommand = { type: "succeed", epoch };
  const fail: AttemptCommand = { type: "fail", epoch, failure: failureOf("NONFINITE") };
  const moves = [
    says("brings its result", "result", succeed, "leaves"),
    lost(says("brings its result", "result", succeed, "stays")),
    { ...says("fails", "result", fail, "leaves"), costs: "failures" as const },
    {
      ...says(
        "is interrupted by the platform",
        "life",
        { type: "interrupt", epoch, because: "SIGTERM" },
        "leaves",
      ),
      costs: "crashes" as const,
    },
    ...gone,
  ];
  const hasNews = rules.timing.hasClock || attempt.lease === "over" || epoch !== attempt.epoch;
  return hasNews ? [...moves, says("heartbeats", "heartbeat", { type: "heartbeat", epoch }, "stays")] : moves;
}

/** A pod that is refused leaves; one that did not hear the answer will ask again. */
function speak(
  rules: Rules,
  target: JobWorld,
  where: Where,
  command: AttemptCommand,
  isHeard: "leaves" | "stays" | "works",
): void {
  const moved = moveAttempt(rules, target, where.index, command);
  const isRefused = moved === "FENCED" || moved === "STOPPED" || moved === "ILLEGAL";
  if (
    isHeard === "leaves" ||
    (isRefused && isHeard !== "stays") ||
    (isRefused && command.type === "heartbeat")
  )
    removePod(target, where);
  else if (isHeard === "works") podAt(target, where).phase = "working";
}

function podAt(target: JobWorld, { index, place }: Where): Pod {
  const pod = target.attempts[index]?.pods[place];
  if (!pod) throw new Error("the pod is gone");
  return pod;
}

function removePod(target: JobWorld, { index, place }: Where): void {
  target.attempts[index]?.pods.splice(place, 1);
}
