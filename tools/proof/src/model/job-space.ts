import { hash } from "node:crypto";
import { Broken } from "./broken.ts";
import type { Move } from "./moves.ts";
import { Interned, PackedLists } from "./packed-lists.ts";
import { copyJob, fromText, type JobWorld, toText } from "./world.ts";

/** What a step of one job is, but for where it leads. */
export interface JobStep extends Pick<Move, "label" | "costs" | "places"> {
  readonly breaks?: string | undefined;
}

export interface Learned<Extra> {
  readonly moves: readonly Move[];
  /** Whatever else is to be known of the state. */
  readonly extra: Extra;
}

/** Gives each state of a job a number and works out once what follows from it, however many worlds hold it. */
export class JobSpace<Extra> {
  readonly #ids = new Map<string, number>();
  /** Of states whose steps nobody has asked for yet. */
  readonly #texts = new Map<number, string>();
  readonly #lists = new PackedLists();
  readonly #steps = new Interned<JobStep>();
  readonly #extras = new Interned<Extra>();
  readonly #extraOf = new PackedLists();
  readonly #learn: (job: JobWorld) => Learned<Extra>;

  constructor(learn: (job: JobWorld) => Learned<Extra>) {
    this.#learn = learn;
  }

  idOf(job: JobWorld): number {
    const text = toText(job);
    const digest = hash("md5", text, "binary");
    const known = this.#ids.get(digest);
    if (known !== undefined) return known;
    const id = this.#ids.size;
    this.#ids.set(digest, id);
    this.#texts.set(id, text);
    return id;
  }

  extraOf(id: number): Extra {
    return this.#extras.valueOf(this.extraIdOf(id));
  }

  /** Equal for states of which the same is to be known. */
  extraIdOf(id: number): number {
    this.#know(id);
    return this.#extraOf.second(id, 0);
  }

  stepCount(id: number): number {
    this.#know(id);
    return this.#lists.lengthOf(id);
  }

  step(id: number, place: number): JobStep {
    return this.#steps.valueOf(this.#lists.second(id, place));
  }

  /** The job's state after a step. */
  next(id: number, place: number): number {
    return this.#lists.first(id, place);
  }

  #know(id: number): void {
    if (this.#lists.has(id)) return;
    const job = fromText(this.#texts.get(id) ?? "");
    this.#texts.delete(id);
    const { moves, extra } = this.#learn(job);
    this.#extraOf.set(id, [[0, this.#extras.idOf(extra)]]);
    this.#lists.set(
      id,
      moves.map((move) => this.#take(job, move)),
    );
  }

  #take(job: JobWorld, { apply, ...same }: Move): readonly [number, number] {
    const target = copyJob(job);
    const breaks = brokenBy(() => apply(target));
    return [this.idOf(target), this.#steps.idOf({ ...same, breaks })];
  }
}

function brokenBy(act: () => void): string | undefined {
  try {
    act();
  } catch (error) {
    if (error instanceof Broken) return error.message;
    throw error;
  }
  return undefined;
}
