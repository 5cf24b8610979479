import { UploadPurpose } from "@gradients/contracts/trainer";
import { failpoint } from "@gradients/kernel";
import type { Logger } from "@gradients/runtime";
import type { CheckpointEvent } from "./engine-events.ts";
import { Halted } from "./halt.ts";
import type { Relay } from "./relay.ts";
import { uploadFiles } from "./upload-files.ts";
import type { OpenFiles, WorkFolder } from "./work-folder.ts";

/**
 * Uploads checkpoints beside the training, one at a time; one that waits gives way to a newer one. At most three are held open, however many the engine
 * tells of: one being uploaded, one waiting, one being opened.
 */
export class CheckpointUploads {
  readonly #relay: Relay;
  readonly #work: WorkFolder;
  readonly #signal: AbortSignal;
  readonly #logger: Logger;
  #told: CheckpointEvent | undefined;
  #waiting: Kept | undefined;
  #opening: Promise<void> | undefined;
  #uploading: Promise<void> | undefined;

  /** `signal` ends uploads at once. */
  constructor(relay: Relay, work: WorkFolder, signal: AbortSignal, logger: Logger) {
    this.#relay = relay;
    this.#work = work;
    this.#signal = signal;
    this.#logger = logger;
  }

  add(event: CheckpointEvent): void {
    this.#told = event;
    this.#opening ??= this.#open();
  }

  /** Resolves when nothing is left to upload. */
  async settled(): Promise<void> {
    while (this.#opening ?? this.#uploading) await (this.#opening ?? this.#uploading);
  }

  /** At once, and the files kept open: the engine removes old checkpoints when it writes new ones. */
  async #open(): Promise<void> {
    for (let event = this.#told; event; event = this.#told) {
      this.#told = undefined;
      const { dir, step, train_seconds: trainSeconds } = event;
      await this.#tolerating(async () => {
        const opened = await this.#work.openFiles(dir);
        await this.#waiting?.opened[Symbol.asyncDispose]();
        this.#waiting = { opened, step, trainSeconds };
      });
      if (this.#waiting) this.#uploading ??= this.#drain();
    }
    this.#opening = undefined;
  }

  async #drain(): Promise<void> {
    for (let next = this.#waiting; next; next = this.#waiting) {
      const kept = next;
      this.#waiting = undefined;
      await this.#tolerating(() => this.#upload(kept));
    }
    this.#uploading = undefined;
  }

  /** The attempt goes on without a checkpoint: a retry then starts from an older one. */
  async #tolerating(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof Halted)) this.#logger.warn({ err: error }, "checkpoint not uploaded");
    }
  }

  async #upload({ opened, step, trainSeconds }: Kept): Promise<void> {
    await using _ = opened;
    const about = { purpose: UploadPurpose.CHECKPOINT, step };
    const files = await uploadFiles(this.#relay, opened.files, about, this.#signal);
    failpoint("trainer.checkpoint-uploaded");
    await this.#relay.commitCheckpoint({ step, trainSeconds, files: [...files] }, this.#signal);
    failpoint("trainer.checkpoint-committed");
    this.#logger.info({ step: String(step), train_seconds: trainSeconds }, "checkpoint stored");
  }
}

interface Kept {
  readonly opened: OpenFiles;
  readonly step: bigint;
  readonly trainSeconds: number;
}
