import type { GatewayService } from "@gradients/contracts/gateway";
import type { Network } from "@gradients/dev/network";
import type { RpcClient } from "@gradients/rpc";
import type { Screen } from "./screen.ts";

/** What the steps of the demo share. */
export interface Stage {
  readonly screen: Screen;
  readonly gateway: RpcClient<typeof GatewayService>;
  readonly project: string;
  readonly network: Network;
  readonly signal: AbortSignal;
}
