import { create } from "@bufbuild/protobuf";
import { DatasetReportSchema, Finding_Severity } from "@gradients/contracts/gateway";
import { type Clock, type ModelId, newId } from "@gradients/kernel";
import type { ObjectStore } from "@gradients/objects";
import { type Logger, type Part, withBackoff } from "@gradients/runtime";
import type { Dataset } from "../domain/dataset.ts";
import type { TextModel } from "../domain/dataset-check.ts";
import type { GatewayObserver } from "../observe.ts";
import type { GatewayDatabase } from "../store/database.ts";
import {
  type ClaimedCheck,
  claimDatasetCheck,
  datasetCheckChannel,
  deleteDatasetCheck,
  extendDatasetCheck,
} from "../store/dataset-checks.ts";
import { findDataset, saveReport } from "../store/datasets.ts";
import { findModel } from "../store/models.ts";
import { encodeReport } from "../wire/dataset.ts";
import { checkDataset } from "./check-dataset.ts";
import { datasetSource } from "./dataset-source.ts";
import { loadTextModel } from "./text-model.ts";

export interface DatasetCheckerDeps {
  readonly db: GatewayDatabase;
  readonly objects: ObjectStore;
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
  const wake = createWake();
  const models = new TextModels(deps);
  return {
    name: "data set checker",
    run: async (signal) => {
      const listening = deps.db.listen(datasetCheckChannel(deps.db.schema), wake.ring, signal);
      await Promise.all([listening, work(deps, models, wake, signal)]);
    },
  };
}

async function work(
  deps: DatasetCheckerDeps,
  models: TextModels,
  wake: Wake,
  signal: AbortSignal,
): Promise<void> {
  const retry = { what: "take a data set check", logger: deps.logger, signal, maxMs: 5_000 };
  try {
    while (!signal.aborted) {
      const claimed = await withBackoff(retry, () => claimDatasetCheck(deps.db.q, newId(), LEASE_SECONDS));
      if (claimed) await runCheck(deps, models, claimed, signal);
      else await wake.wait(POLL_MS, deps.clock, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** A check that cannot be done now is due again when its lease is over. */
async function runCheck(
  deps: DatasetCheckerDeps,
  models: TextModels,
  claimed: ClaimedCheck,
  stop: AbortSignal,
): Promise<void> {
  const lost = new AbortController();
  const done = new AbortController();
  const signal = AbortSignal.any([stop, lost.signal]);
  const extending = keepLease(deps, claimed, lost, AbortSignal.any([signal, done.signal]));
  const startedAt = performance.now();
  try {
    await checkAndSave(deps, models, claimed, signal);
    deps.observe.datasetChecked((performance.now() - startedAt) / 1_000);
  } catch (error) {
    if (signal.aborted) return;
    deps.observe.datasetCheckFailed(claimed.datasetId, claimed.tries, error);
    if (claimed.tries >= MAX_TRIES) await giveUp(deps, claimed);
  } finally {
    done.abort();
    await extending;
  }
}

async function checkAndSave(
  deps: DatasetCheckerDeps,
  models: TextModels,
  claimed: ClaimedCheck,
  signal: AbortSignal,
): Promise<void> {
  const dataset = await findDataset(deps.db.q, claimed.projectId, claimed.datasetId);
  if (!dataset) throw new Error("The data set of a check is gone");
  const options = {
    format: dataset.format,
    chosenMapping: dataset.chosenMapping,
    model: await models.get(dataset, signal),
    minUsableRows: deps.minUsableRows,
  };
  const result = await checkDataset(datasetSource(deps.objects, dataset, signal), options, signal);
  await deps.db.tx(async (tx) => {
    if (!(await deleteDatasetCheck(tx, claimed))) return; // another worker has taken over
    await saveReport(tx, claimed.datasetId, result.isUsable ? "ready" : "invalid", encodeReport(result));
  });
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

/** The text model used last stays in memory: most customers of a moment use the same one. */
class TextModels {
  readonly #deps: DatasetCheckerDeps;
  #last: { readonly modelId: ModelId; readonly model: TextModel } | undefined;

  constructor(deps: DatasetCheckerDeps) {
    this.#deps = deps;
  }

  async get({ modelId }: Dataset, signal: AbortSignal): Promise<TextModel> {
    if (this.#last?.modelId === modelId) return this.#last.model;
    const registered = await findModel(this.#deps.db.q, modelId);
    if (!registered) throw new Error(`The model ${modelId} is not registered`);
    const model = await loadTextModel(this.#deps.objects, registered, signal);
    this.#last = { modelId, model };
    return model;
  }
}

interface Wake {
  readonly ring: () => void;
  wait(milliseconds: number, clock: Clock, signal: AbortSignal): Promise<void>;
}

function createWake(): Wake {
  let rung = Promise.withResolvers<void>();
  return {
    ring: () => rung.resolve(),
    wait: async (milliseconds, clock, signal) => {
      const done = new AbortController();
      await Promise.race([
        rung.promise,
        clock.sleep(milliseconds, AbortSignal.any([signal, done.signal])).catch(() => {}),
      ]);
      done.abort();
      rung = Promise.withResolvers<void>();
    },
  };
}
