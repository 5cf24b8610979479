import { Worker } from "node:worker_threads";

/**
 * Runs a module in a thread of its own and returns the one message that it posts, so that seconds of computing never hold up the event loop. The thread
 * is ended when the signal aborts. `input` is copied (structured clone).
 */
export function runInWorker<Output>(module: URL, input: unknown, signal: AbortSignal): Promise<Output> {
  signal.throwIfAborted();
  return new Promise<Output>((resolve, reject) => {
    const worker = new Worker(module, { workerData: input, execArgv: [] });
    const onAbort = () => {
      void worker.terminate();
      reject(new Error("The work was stopped", { cause: signal.reason }));
    };
    signal.addEventListener("abort", onAbort, { once: true });
    worker.once("message", resolve);
    worker.once("error", reject);
    worker.once("exit", (code) => {
      signal.removeEventListener("abort", onAbort);
      reject(new Error(`The worker ended with code ${code} and without a result`)); // means nothing once a message has come
    });
  });
}
