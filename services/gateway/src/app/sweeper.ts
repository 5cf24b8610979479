import type { Clock } from "@gradients/kernel";
import type { ObjectStore } from "@gradients/objects";
import type { Logger, Part } from "@gradients/runtime";
import { deleteOldAnsweredRequests } from "../store/answered-requests.ts";
import type { GatewayDatabase } from "../store/database.ts";
import { listExpiredUploads } from "../store/uploads.ts";
import { discardUpload } from "./upload-dataset.ts";

export interface SweeperDeps {
  readonly db: GatewayDatabase;
  readonly objects: ObjectStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Two short queries, so as often as makes what a crash has left behind go soon. */
const EVERY_MS = 15_000;

/** Removes what crashes leave behind and what is no longer needed. Any number may run at once. */
export function createSweeper(deps: SweeperDeps): Part {
  return { name: "sweeper", run: (signal) => runSweeper(deps, signal) };
}

async function runSweeper(deps: SweeperDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sweep(deps);
    await deps.clock.sleep(EVERY_MS, signal).catch(() => {}); // aborted: the loop ends
  }
}

async function sweep(deps: SweeperDeps): Promise<void> {
  try {
    for (const datasetId of await listExpiredUploads(deps.db.q)) await discardUpload(deps, datasetId);
    await deleteOldAnsweredRequests(deps.db.q);
  } catch (err) {
    deps.logger.warn({ err }, "sweep failed, will try again");
  }
}
