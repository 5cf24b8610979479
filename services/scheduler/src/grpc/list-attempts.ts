import type { SchedulerService } from "@gradients/contracts/scheduler";
import type { MethodImpl } from "@gradients/rpc";
import type { Deps } from "../deps.ts";
import { listAttemptsOfJob } from "../store/attempts.ts";
import { toWireAttempt } from "./to-attempt.ts";

/** Training attempts and evaluations, in the order of their creation. */
export function listAttempts({ db }: Deps): MethodImpl<(typeof SchedulerService)["method"]["listAttempts"]> {
  return async ({ jobId }) => ({ attempts: (await listAttemptsOfJob(db.q, jobId)).map(toWireAttempt) });
}
