import { type AttemptService, Directive } from "@gradients/contracts/trainer";
import type { MethodImpl } from "@gradients/rpc";
import { reportProgress } from "../app/report-progress.ts";
import type { Deps } from "../deps.ts";
import { holderOf } from "./authenticate-agent.ts";
import { attemptRejected } from "./errors.ts";

export function report(deps: Deps): MethodImpl<(typeof AttemptService)["method"]["report"]> {
  return async ({ epoch, phase, points }, ctx) => {
    const reported = await reportProgress(deps, holderOf(ctx, epoch), { phase, points });
    if (reported.ok) return { directive: Directive.CONTINUE };
    if (reported.error === "STOPPED") return { directive: Directive.STOP };
    throw attemptRejected(reported.error);
  };
}
