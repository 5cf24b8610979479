import type { Clock } from "@gradients/kernel";
import type { Logger } from "@gradients/runtime";
import type { Chain } from "./chain/chain.ts";
import type { HotkeySigner } from "./chain/hotkey-signer.ts";
import type { ChainBridgeConfig } from "./config.ts";
import type { Observe } from "./observe.ts";
import type { BridgeDatabase } from "./store/schema.ts";

export interface Deps {
  readonly config: ChainBridgeConfig;
  readonly db: BridgeDatabase;
  readonly logger: Logger;
  readonly observe: Observe;
  readonly clock: Clock;
  /** Undefined in read-only mode. */
  readonly signer: HotkeySigner | undefined;
  readonly connect: ConnectChain;
  readonly link: ChainLink;
}

export type ConnectChain = (endpoint: string, signal: AbortSignal) => Promise<Chain>;

/** The connection of the moment; the chain part replaces it. */
interface ChainLink {
  current: Chain | undefined;
}
