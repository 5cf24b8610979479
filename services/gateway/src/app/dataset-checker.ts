import { create } from "@bufbuild/protobuf";
import { DatasetReportSchema, Finding_Severity } from "@gradients/contracts/gateway";
import { type Clock, failpoint, newId } from "@gradients/kernel";
import { createWake, type Logger, type Part, type Wake, withBackoff } from "@gradients/runtime";
import type { GatewayObserver } from "../observe.ts";
import type { GatewayDatabase } from "../store/database.ts";
import {
  type ClaimedCheck,
  claimDatasetCheck,
  datasetCheckChannel,
  deleteDatasetCheck,
  extendDatasetCheck,
  releaseDatasetCheck,
} from "../store/dataset-checks.ts";
import { findDataset, saveReport } from "../store/datasets.ts";
import { findModel } from "../store/models.ts";
import { encodeReport } from "../wire/dataset.ts";
import type { CheckThread } from "./check-thread.ts";

export interface DatasetCheckerDeps {
  readonly db: GatewayDatabase;
  readonly thread: CheckThread;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observe: GatewayObserver;
  readonly minUsableRows: number;
}

const LEASE_SECONDS = 30;
const EXTEND_MS = 10_000;
const POLL_MS = 2_000;
const MAX_TRIES = 5;

/** Checks uploaded data sets, one at a time. Each is a row with a lease: when this process dies, another one takes it over. */
export function createDatasetChecker(deps: DatasetCheckerDeps): Part {
  const wake = createWake(deps.clock);
  return {
    name: "data set checker",
    run: async (signal) => {
      const listening = deps.db.listen(datasetCheckChannel, wake.ring, signal);
      await Promise.all([listening, work(deps, wake, signal)]);
    },
    stop: () => deps.thread.close(),
  };
}

async function work(deps: DatasetCheckerDeps, wake: Wake, signal: AbortSignal): Promise<void> {
  const retry = { what: "take a data set check", logger: deps.logger, signal, maxMs: 5_000 };
  try {
    while (!signal.aborted) {
      const claimed = await withBackoff(retry, () => claimDatasetCheck(deps.db.q, newId(), LEASE_SECONDS));
      if (claimed) await runCheck(deps, claimed, signal);
      else await wake.wait(POLL_MS, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** A check that has a fault is due again when its lease is over, one that is stopped at once. */
async function runCheck(deps: DatasetCheckerDeps, claimed: ClaimedCheck, stop: AbortSignal): Promise<void> {
  if (claimed.tries > MAX_TRIES) return giveUp(deps, claimed); // each of those tries ended its process
  const lost = new AbortController();
  const done = new AbortController();
  const signal = AbortSignal.any([stop, lost.signal]);
  failpoint("gateway.check-claimed");
  const extending = keepLease(deps, claimed, lost, AbortSignal.any([signal, done.signal]));
  const startedAt = performance.now();
  try {
    await checkAndSave(deps, claimed, signal);
    deps.observe.datasetChecked((performance.now() - startedAt) / 1_000);
  } catch (error) {
    if (stop.aborted) return await releaseDatasetCheck(deps.db.q, claimed);
    if (lost.signal.aborted) return;
    deps.observe.datasetCheckFailed(claimed.datasetId, claimed.tries, error);
    if (claimed.tries >= MAX_TRIES) await giveUp(deps, claimed);
  } finally {
    done.abort();
    await extending;
  }
}

async function checkAndSave(
  deps: DatasetCheckerDeps,
  claimed: ClaimedCheck,
  signal: AbortSignal,
): Promise<void> {
  const { db, thread, minUsableRows } = deps;
  const dataset = await findDataset(db.q, claimed.projectId, claimed.datasetId);
  const model = dataset && (await findModel(db.q, dataset.modelId));
  if (!dataset || !model) throw new Error("The data set of a check, or its model, is gone");
  const result = await thread.check({ dataset, model, minUsableRows }, signal);
  failpoint("gateway.checked");
  await db.tx(async (tx) => {
    if (!(await deleteDatasetCheck(tx, claimed))) return; // another worker has taken over
    await saveReport(tx, claimed.datasetId, result.isUsable ? "ready" : "invalid", encodeReport(result));
  });
  failpoint("gateway.check-saved");
}

/** The customer must not wait for ever for a file that this installation cannot check. */
async function giveUp({ db }: DatasetCheckerDeps, claimed: ClaimedCheck): Promise<void> {
  const finding = {
    rule: "CHECK_FAILED",
    severity: Finding_Severity.ERROR,
    message: "The check could not be completed because of a fault of the platform.",
    fix: "Upload the file again; if that fails too, tell the operator.",
    count: 1n,
  };
  await db.tx(async (tx) => {
    if (!(await deleteDatasetCheck(tx, claimed))) return;
    await saveReport(tx, claimed.datasetId, "invalid", create(DatasetReportSchema, { findings: [finding] }));
  });
}

async function keepLease(
  { db, clock, logger }: DatasetCheckerDeps,
  claimed: ClaimedCheck,
  lost: AbortController,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (;;) {
      await clock.sleep(EXTEND_MS, signal);
      if (!(await extendDatasetCheck(db.q, claimed, LEASE_SECONDS)))
        return lost.abort(new Error("The lease was lost"));
    }
  } catch (err) {
    if (signal.aborted) return;
    logger.warn({ err, dataset_id: claimed.datasetId }, "lease of a data set check not extended");
    lost.abort(err);
  }
}
