import type { Tx } from "@gradients/db";
import type { Tables } from "./schema.ts";

/** At commit, has the control loop look again, in whichever replica it runs. */
export function wakeControlLoop(tx: Tx<Tables>): void {
  tx.notifyAfterCommit(controlChannel);
}

/** The channel that wakeControlLoop notifies. */
export const controlChannel = "control";
