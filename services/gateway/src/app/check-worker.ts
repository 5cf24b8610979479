import { parentPort, workerData } from "node:worker_threads";
import { MAX_DATASET_ROWS } from "@gradients/dataset";
import { createObjectStore, type ObjectStoreOptions } from "@gradients/objects";
import type { TextModel } from "../domain/dataset-check.ts";
import { checkDataset } from "./check-dataset.ts";
import type { CheckOrder } from "./check-thread.ts";
import { datasetSource } from "./dataset-source.ts";
import { loadTextModel } from "./text-model.ts";

// The body of the thread that check-thread.ts starts. A fault is not caught: it ends the thread, and the other side hears of it.
const objects = createObjectStore(workerData as ObjectStoreOptions); // what createCheckThread hands over
/** Most customers of a moment use the same model. */
let last: { readonly modelId: string; readonly text: TextModel } | undefined;

parentPort?.on("message", (order: CheckOrder) => void answer(order));

async function answer({ dataset, model, minUsableRows }: CheckOrder): Promise<void> {
  if (last?.modelId !== model.modelId)
    last = { modelId: model.modelId, text: await loadTextModel(objects, model) };
  const { format, chosenMapping } = dataset;
  const result = await checkDataset(datasetSource(objects, dataset), {
    format,
    chosenMapping,
    minUsableRows,
    maxRows: MAX_DATASET_ROWS,
    model: last.text,
  });
  parentPort?.postMessage(result);
}
