import { ChainService } from "@gradients/contracts/chain";
import { bind, type RpcBinding } from "@gradients/rpc";
import type { Deps } from "../deps.ts";
import { getSubnet } from "./get-subnet.ts";
import { listPoints } from "./list-points.ts";
import { listRewards } from "./list-rewards.ts";
import { listWeightSubmissions } from "./list-weight-submissions.ts";

export function chainBinding(deps: Deps): RpcBinding {
  return bind(ChainService, {
    getSubnet: getSubnet(deps),
    listWeightSubmissions: listWeightSubmissions(deps),
    listRewards: listRewards(deps),
    listPoints: listPoints(deps),
  });
}
