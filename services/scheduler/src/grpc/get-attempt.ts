import type { SchedulerService } from "@gradients/contracts/scheduler";
import type { MethodImpl } from "@gradients/rpc";
import type { Deps } from "../deps.ts";
import { findAttempt } from "../store/attempts.ts";
import { attemptNotFound } from "./errors.ts";
import { toWireAttempt } from "./to-attempt.ts";

export function getAttempt({ db }: Deps): MethodImpl<(typeof SchedulerService)["method"]["getAttempt"]> {
  return async ({ attemptId }) => {
    const attempt = await findAttempt(db.q, attemptId);
    if (!attempt) throw attemptNotFound(attemptId);
    return { attempt: toWireAttempt(attempt) };
  };
}
