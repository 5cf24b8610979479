import { SchedulerService } from "@gradients/contracts/scheduler";
import { AttemptService } from "@gradients/contracts/trainer";
import { bind, type RpcBinding } from "@gradients/rpc";
import type { Deps } from "../deps.ts";
import { beginUploadCall } from "./begin-upload.ts";
import { commitCheckpointCall } from "./commit-checkpoint.ts";
import { completeUploadCall } from "./complete-upload.ts";
import { finish } from "./finish.ts";
import { getAssignment } from "./get-assignment.ts";
import { getAttempt } from "./get-attempt.ts";
import { listAttempts } from "./list-attempts.ts";
import { listHardwareClasses } from "./list-hardware-classes.ts";
import { listRecipes } from "./list-recipes.ts";
import { report } from "./report.ts";

/** For the other services and operators. */
export function schedulerBinding(deps: Deps): RpcBinding {
  return bind(SchedulerService, {
    listRecipes: listRecipes(deps),
    listHardwareClasses: listHardwareClasses(deps),
    getAttempt: getAttempt(deps),
    listAttempts: listAttempts(deps),
  });
}

/** For the pods: the only thing that they can reach. */
export function relayBinding(deps: Deps): RpcBinding {
  return bind(AttemptService, {
    getAssignment: getAssignment(deps),
    report: report(deps),
    beginUpload: beginUploadCall(deps),
    completeUpload: completeUploadCall(deps),
    commitCheckpoint: commitCheckpointCall(deps),
    finish: finish(deps),
  });
}
