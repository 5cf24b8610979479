import { link, mkdir, readdir, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { UploadPurpose } from "@gradients/contracts/trainer";
import { failpoint } from "@gradients/kernel";
import type { Logger } from "@gradients/runtime";
import type { CheckpointEvent } from "./engine-events.ts";
import { Halted } from "./halt.ts";
import type { Relay } from "./relay.ts";
import { filesOf, uploadFiles } from "./upload-files.ts";

/** Uploads checkpoints beside the training, one at a time; one that waits gives way to a newer one. */
export class CheckpointUploads {
  readonly #relay: Relay;
  readonly #workDir: string;
  readonly #signal: AbortSignal;
  readonly #logger: Logger;
  #waiting: Promise<Kept> | undefined;
  #running: Promise<void> = Promise.resolve();
  #isBusy = false;

  /** `signal` ends uploads at once. */
  constructor(relay: Relay, workDir: string, signal: AbortSignal, logger: Logger) {
    this.#relay = relay;
    this.#workDir = workDir;
    this.#signal = signal;
    this.#logger = logger;
  }

  add(event: CheckpointEvent): void {
    const replaced = this.#waiting;
    this.#waiting = this.#keep(event);
    this.#waiting.catch(() => {}); // seen by whoever takes it
    void replaced?.then(({ folder }) => rm(folder, { recursive: true, force: true })).catch(() => {});
    if (this.#isBusy) return;
    this.#isBusy = true;
    this.#running = this.#drain();
  }

  /** Resolves when nothing is left to upload. */
  settled(): Promise<void> {
    return this.#running;
  }

  async #drain(): Promise<void> {
    for (let next = this.#take(); next; next = this.#take()) {
      try {
        await this.#upload(await next);
      } catch (error) {
        // The attempt goes on without it: a retry then starts from an older one.
        if (!(error instanceof Halted)) this.#logger.warn({ err: error }, "checkpoint not uploaded");
      }
    }
    this.#isBusy = false;
  }

  #take(): Promise<Kept> | undefined {
    const next = this.#waiting;
    this.#waiting = undefined;
    return next;
  }

  /** Links of our own: the engine removes old checkpoints when it writes new ones. */
  async #keep({ dir, step, train_seconds: trainSeconds }: CheckpointEvent): Promise<Kept> {
    const source = resolve(this.#workDir, dir);
    const folder = join(this.#workDir, "upload", String(step));
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    for (const name of await readdir(source)) await link(join(source, name), join(folder, name));
    return { folder, step, trainSeconds };
  }

  async #upload({ folder, step, trainSeconds }: Kept): Promise<void> {
    try {
      const about = { purpose: UploadPurpose.CHECKPOINT, step };
      const files = await uploadFiles(this.#relay, await filesOf(folder), about, this.#signal);
      failpoint("trainer.checkpoint-uploaded");
      await this.#relay.commitCheckpoint({ step, trainSeconds, files: [...files] }, this.#signal);
      failpoint("trainer.checkpoint-committed");
      this.#logger.info({ step: String(step), train_seconds: trainSeconds }, "checkpoint stored");
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
}

interface Kept {
  readonly folder: string;
  readonly step: bigint;
  readonly trainSeconds: number;
}
