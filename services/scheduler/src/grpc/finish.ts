import { toFile, toObject } from "@gradients/contracts/stored-object";
import type { AttemptService, FinishRequest } from "@gradients/contracts/trainer";
import { assertNever, failpoint } from "@gradients/kernel";
import type { MethodImpl } from "@gradients/rpc";
import { type FinishRejection, finishAttempt, type Outcome } from "../app/finish-attempt.ts";
import type { Deps } from "../deps.ts";
import { toChecks, toStats } from "../wire.ts";
import { holderOf } from "./authenticate-agent.ts";
import { attemptRejected, fileNotUploaded, resultMissing } from "./errors.ts";

export function finish(deps: Deps): MethodImpl<(typeof AttemptService)["method"]["finish"]> {
  return async ({ epoch, outcome }, ctx) => {
    const finished = await finishAttempt(deps, holderOf(ctx, epoch), toOutcome(outcome));
    if (!finished.ok) throw toError(finished.error);
    failpoint("scheduler.attempt-finished");
    return {};
  };
}

function toOutcome(outcome: FinishRequest["outcome"]): Outcome {
  switch (outcome.case) {
    case "trained": {
      const { artifact, stats } = outcome.value;
      const result = { kind: "trained", artifact: artifact.map(toFile), stats: toStats(stats) } as const;
      return { type: "succeeded", result };
    }
    case "evaluated": {
      const { scores, checks, engineVersion, device } = outcome.value;
      if (!scores) throw resultMissing("scores");
      const result = {
        kind: "evaluated",
        scores: toObject(scores, "scores"),
        checks: toChecks(checks),
        engineVersion,
        device,
      } as const;
      return { type: "succeeded", result };
    }
    case "failed":
      return { type: "failed", code: outcome.value.code, detail: outcome.value.message };
    case "interrupted":
      return { type: "interrupted", cause: outcome.value.cause, stopped: outcome.value.stopped };
    case undefined:
      throw resultMissing("an outcome");
    default:
      return assertNever(outcome);
  }
}

function toError(rejection: FinishRejection): Error {
  if (typeof rejection === "string") return attemptRejected(rejection);
  return "missing" in rejection ? fileNotUploaded(rejection.missing) : resultMissing(rejection.what);
}
