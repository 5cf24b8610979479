import { setTimeout as sleep } from "node:timers/promises";
import { Dataset_State, GatewayService, type Job, Job_State } from "@gradients/contracts/gateway";
import { datasetUpload } from "@gradients/dev/dataset-upload";
import { createRpcClient, type RpcClient, RpcError } from "@gradients/rpc";
import { followJob } from "./follow-job.ts";
import type { History } from "./history.ts";

export interface JobWish {
  readonly contestants?: number;
  readonly budgetSeconds?: number;
}

/** An accepted job, by the promise that its creation was answered with. */
export interface Accepted {
  readonly requestId: string;
  readonly name: string;
}

/** Where the public door is, what may be trained there, and where to write down what happened. */
interface Counter {
  readonly targets: { readonly gateway: string };
  readonly apiKey: string;
  readonly model: string;
  readonly history: History;
}

/** What a caller may try again without harm, given a request id. */
const RETRYABLE: ReadonlySet<string> = new Set(["UNAVAILABLE", "DEADLINE_EXCEEDED", "ABORTED", "CANCELLED"]);
const PATIENCE_MS = 300_000;

/** A client of the public door that keeps at it as a careful partner does, and writes down what it did and saw. */
export class Customer implements Disposable {
  readonly accepted: Accepted[] = [];
  readonly #pending = new Set<string>();
  /** Of each job's log, from its first entry to the end. */
  readonly #watches = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();
  readonly #counter: Counter;
  readonly #name: string;
  readonly #gateway: RpcClient<typeof GatewayService>;
  #project = "";
  #dataset = "";
  #count = 0;

  constructor(counter: Counter, name = "customer") {
    this.#counter = counter;
    this.#name = name;
    this.#gateway = createRpcClient(GatewayService, {
      target: counter.targets.gateway,
      token: counter.apiKey,
      defaultDeadlineMs: 10_000,
    });
  }

  /** Uploads the data set that all its jobs are about, and waits for its check. */
  async prepare(): Promise<void> {
    this.#project = (await this.call("ask who it is", "", () => this.#gateway.getCaller({}))).project;
    const header = { parent: this.#project, fileName: "words.jsonl", requestId: `${this.#name}-dataset` };
    const upload = () => this.#gateway.uploadDataset(datasetUpload(header, [Buffer.from(rows(120))]));
    const { dataset } = await this.call("upload data set", header.requestId, upload);
    this.#dataset = dataset?.name ?? "";
    await this.#until("check", this.#dataset, async () => {
      const { dataset: now } = await this.#gateway.getDataset({ name: this.#dataset });
      if (now?.state === Dataset_State.INVALID) throw new Error("The data set was found invalid");
      return now?.state === Dataset_State.READY;
    });
  }

  /** Every third order is sent twice at once under one request id, as by a caller whose first answer was lost. */
  async order(wish: JobWish = {}): Promise<Accepted> {
    this.#count += 1;
    const requestId = `${this.#name}-${this.#count}`;
    const request = { parent: this.#project, requestId, job: this.#job(wish) };
    const create = () => this.#gateway.createJob(request);
    const once = () => this.call("create job", requestId, create, ({ job }) => job?.name);
    const answers = await Promise.all(this.#count % 3 === 0 ? [once(), once()] : [once()]);
    const names = new Set(answers.map(({ job }) => job?.name ?? ""));
    const [name = ""] = names;
    if (names.size !== 1) throw new Error(`Request ${requestId} made ${names.size} jobs`);
    const accepted = { requestId, name };
    this.accepted.push(accepted);
    this.#pending.add(name);
    this.#watch(name);
    return accepted;
  }

  /** Asks once whether an order would be accepted, and orders nothing. */
  async quote(): Promise<void> {
    await this.#gateway.createJob({ parent: this.#project, validateOnly: true, job: this.#job({}) });
  }

  async cancel(name: string): Promise<void> {
    await this.call("cancel job", name, () => this.#gateway.cancelJob({ name }));
  }

  /** The time-out counts from when `since` aborts, if that is given: as long as faults strike a job may take longer. */
  async ended(name: string, timeoutMs = PATIENCE_MS, since?: AbortSignal): Promise<Job> {
    let last: Job | undefined;
    const isOver = async () => {
      last = (await this.#gateway.getJob({ name })).job;
      return (last?.state ?? 0) >= Job_State.SUCCEEDED;
    };
    const limit = { timeoutMs, ...(since && { since }), describe: () => describeJob(last) };
    await this.#until("see the end", name, isOver, limit);
    if (!last) throw new Error(`${name} was answered without a job`);
    await this.#watchEnds(name, timeoutMs);
    this.#pending.delete(name);
    this.#record("see the end", "ok", name, Job_State[last.state]);
    return last;
  }

  /** Resolves when every accepted job has ended. */
  async allEnded(timeoutMs = PATIENCE_MS): Promise<void> {
    for (const name of this.#pending) await this.ended(name, timeoutMs);
  }

  /**
   * One operation to its answer: tried again whenever nothing or "not now" came back. Any other refusal is thrown. The history gets what `valueOf` tells of
   * the answer.
   */
  async call<T>(
    op: string,
    key: string,
    make: () => Promise<T>,
    valueOf?: (answer: T) => unknown,
  ): Promise<T> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      this.#record(op, "invoke", key);
      try {
        const answer = await make();
        this.#record(op, "ok", key, valueOf?.(answer));
        return answer;
      } catch (error) {
        const again = mayRetry(error) && Date.now() < deadline;
        this.#record(op, again ? "info" : "fail", key, String(error));
        if (!again) throw error;
      }
      await sleep(200);
    }
  }

  [Symbol.dispose](): void {
    this.#closing.abort();
    this.#gateway.close();
  }

  #job({ contestants = 2, budgetSeconds = 1 }: JobWish) {
    const { model } = this.#counter;
    return { model, dataset: this.#dataset, contestants, budgetSeconds, maxLength: 64 };
  }

  #watch(name: string): void {
    const watch = followJob({
      gateway: this.#gateway,
      name,
      note: (type, value) => this.#record("watch", type, name, value),
      mayRetry,
      signal: this.#closing.signal,
    });
    watch.catch(() => {}); // seen when the job has ended
    this.#watches.set(name, watch);
  }

  /** A job that has ended is told of to the end. */
  async #watchEnds(name: string, timeoutMs: number): Promise<void> {
    const late = new AbortController();
    const limit = sleep(timeoutMs, undefined, { signal: late.signal }).then(
      () => Promise.reject(new Error(`The watch of ${name} did not end`)),
      () => {}, // it ended in time
    );
    try {
      await Promise.race([this.#watches.get(name), limit]);
    } finally {
      late.abort();
    }
  }

  async #until(
    op: string,
    key: string,
    isDone: () => Promise<boolean>,
    { timeoutMs, since = AbortSignal.abort(), describe }: Limit = { timeoutMs: PATIENCE_MS },
  ): Promise<void> {
    let deadline = Number.POSITIVE_INFINITY;
    while (!(await this.call(op, key, isDone))) {
      if (since.aborted) deadline = Math.min(deadline, Date.now() + timeoutMs);
      if (Date.now() >= deadline)
        throw new Error(`${key} is not done after ${timeoutMs} ms. ${describe?.() ?? ""}`);
      await sleep(250);
    }
  }

  #record(op: string, type: "invoke" | "ok" | "fail" | "info", key: string, value?: unknown): void {
    if (op === "see the end" && type === "invoke") return; // polls are no operations of interest
    this.#counter.history.record({ process: this.#name, op, type, key, value });
  }
}

interface Limit {
  readonly timeoutMs: number;
  readonly since?: AbortSignal;
  readonly describe?: () => string;
}

export function mayRetry(error: unknown): boolean {
  return error instanceof RpcError && RETRYABLE.has(error.code);
}

/** `count` rows, no two of them alike, of a task that a byte model gets better at. */
function rows(count: number): string {
  const words = ["red", "green", "blue", "black", "white", "gold"];
  return Array.from({ length: count }, (_, index) => {
    const instruction = `Repeat ${index} ${words[index % words.length]}`;
    return `${JSON.stringify({ instruction, output: `${words[index % words.length]} ${index}` })}\n`;
  }).join("");
}

function describeJob(job: Job | undefined): string {
  if (!job) return "It was never seen.";
  const attempts = job.attempts.map(({ state, phase }) => `${state} ${phase}`);
  return `Its state is ${Job_State[job.state]}, its attempts: ${attempts.join(", ")}`;
}
