import { toFile } from "@gradients/contracts/stored-object";
import type { AttemptService } from "@gradients/contracts/trainer";
import { failpoint } from "@gradients/kernel";
import type { MethodImpl } from "@gradients/rpc";
import { commitCheckpoint } from "../app/commit-checkpoint.ts";
import type { Deps } from "../deps.ts";
import { holderOf } from "./authenticate-agent.ts";
import { attemptRejected, fileNotUploaded } from "./errors.ts";

export function commitCheckpointCall(
  deps: Deps,
): MethodImpl<(typeof AttemptService)["method"]["commitCheckpoint"]> {
  return async ({ epoch, step, trainSeconds, files }, ctx) => {
    const checkpoint = { step: Number(step), trainSeconds, files: files.map(toFile) };
    const committed = await commitCheckpoint(deps, holderOf(ctx, epoch), checkpoint);
    failpoint("scheduler.checkpoint-committed");
    if (committed.ok) return {};
    const { error } = committed;
    throw typeof error === "string" ? attemptRejected(error) : fileNotUploaded(error.missing);
  };
}
