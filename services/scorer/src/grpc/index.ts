import { ScorerService } from "@gradients/contracts/scorer";
import { bind, type RpcBinding } from "@gradients/rpc";
import type { Deps } from "../deps.ts";
import { getSplit } from "./get-split.ts";
import { getVerdict } from "./get-verdict.ts";
import { listEvaluations } from "./list-evaluations.ts";

export function scorerBinding(deps: Pick<Deps, "db">): RpcBinding {
  return bind(ScorerService, {
    getSplit: getSplit(deps),
    getVerdict: getVerdict(deps),
    listEvaluations: listEvaluations(deps),
  });
}
