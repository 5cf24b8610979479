import { Worker } from "node:worker_threads";
import type { ObjectStoreOptions } from "@gradients/objects";
import type { Dataset } from "../domain/dataset.ts";
import type { CheckResult } from "../domain/dataset-check.ts";
import type { Model } from "../store/models.ts";

/** What the thread is told; it is copied (structured clone). */
export interface CheckOrder {
  readonly dataset: Pick<Dataset, "format" | "object" | "chosenMapping">;
  readonly model: Pick<Model, "modelId" | "ref" | "contextLength">;
  readonly minUsableRows: number;
}

/** A thread of its own for checks, one at a time: counting tokens takes minutes for a large file and must not hold up the doors. */
export interface CheckThread {
  /** Rejects when the check has a fault, and when the signal aborts; the thread is made anew then. */
  check(order: CheckOrder, signal: AbortSignal): Promise<CheckResult>;
  close(): Promise<void>;
}

export function createCheckThread(objects: ObjectStoreOptions): CheckThread {
  let worker: Worker | undefined;
  const end = async () => {
    const ended = worker;
    worker = undefined;
    await ended?.terminate();
  };
  return {
    check: async (order, signal) => {
      signal.throwIfAborted();
      worker ??= new Worker(new URL("./check-worker.ts", import.meta.url), {
        workerData: objects,
        execArgv: [],
      });
      try {
        return await answerOf(worker, order, signal);
      } catch (error) {
        await end();
        throw error;
      }
    },
    close: end,
  };
}

function answerOf(worker: Worker, order: CheckOrder, signal: AbortSignal): Promise<CheckResult> {
  const answer = Promise.withResolvers<CheckResult>();
  const onAbort = () => answer.reject(new Error("The check was stopped", { cause: signal.reason }));
  const onExit = (code: number) => answer.reject(new Error(`The check's thread ended with code ${code}`));
  worker.once("message", answer.resolve).once("error", answer.reject).once("exit", onExit);
  signal.addEventListener("abort", onAbort, { once: true });
  worker.postMessage(order);
  return answer.promise.finally(() => {
    worker.off("message", answer.resolve).off("error", answer.reject).off("exit", onExit);
    signal.removeEventListener("abort", onAbort);
  });
}
