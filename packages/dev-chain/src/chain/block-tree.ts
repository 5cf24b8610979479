import type { SignedExtrinsic } from "../runtime/extrinsic.ts";
import type { State } from "../runtime/storage.ts";

export interface Block {
  readonly hash: string;
  readonly number: number;
  readonly parentHash: string;
  /** In the form that RPC returns. */
  readonly header: unknown;
  readonly extrinsics: readonly Uint8Array[];
  readonly included: readonly SignedExtrinsic[];
  readonly state: State;
}

/** Change of the best head: blocks that left the canonical chain (newest first) and those that joined it (oldest first). */
export interface HeadChange {
  readonly retracted: readonly Block[];
  readonly enacted: readonly Block[];
}

const PRUNED: State = new Map();

/**
 * All blocks by hash, the best head and the finalized one. The finalized head is always an ancestor of the best head or equal to it.
 * State older than `keepStates` blocks behind the finalized head is let go, as a lite node does.
 */
export class BlockTree {
  readonly #blocks = new Map<string, Block>();
  /** Hashes of the best chain by number. */
  readonly #canonical: string[] = [];
  readonly #keepStates: number;
  #best: Block;
  #finalized: Block;

  constructor(genesis: Block, keepStates: number) {
    this.#keepStates = keepStates;
    this.#blocks.set(genesis.hash, genesis);
    this.#canonical.push(genesis.hash);
    this.#best = genesis;
    this.#finalized = genesis;
  }

  get best(): Block {
    return this.#best;
  }

  get finalized(): Block {
    return this.#finalized;
  }

  get(hash: string): Block | undefined {
    return this.#blocks.get(hash);
  }

  hashAt(number: number): string | undefined {
    return this.#canonical[number];
  }

  at(number: number): Block | undefined {
    const hash = this.#canonical[number];
    return hash === undefined ? undefined : this.#blocks.get(hash);
  }

  isPruned({ state }: Block): boolean {
    return state === PRUNED;
  }

  add(block: Block): void {
    this.#blocks.set(block.hash, block);
  }

  /** Makes an added block the best head. It must descend from the finalized block. */
  setBest(head: Block): HeadChange {
    const enacted: Block[] = [];
    for (
      let block: Block | undefined = head;
      block && this.#canonical[block.number] !== block.hash;
      block = this.get(block.parentHash)
    ) {
      if (block.number <= this.#finalized.number)
        throw new Error("A block that contradicts the finalized one cannot become best");
      enacted.unshift(block);
    }
    const fork = enacted[0]?.number ?? head.number + 1;
    const retracted = this.#canonical
      .slice(fork)
      .reverse()
      .map((hash) => this.#known(hash));
    this.#canonical.length = fork;
    this.#canonical.push(...enacted.map(({ hash }) => hash));
    this.#best = head;
    return { retracted, enacted };
  }

  /** Moves the finalized head up to `number` on the best chain; what was passed, oldest first. */
  finalize(number: number): readonly Block[] {
    const passed: Block[] = [];
    while (this.#finalized.number < Math.min(number, this.#best.number)) {
      this.#finalized = this.#known(this.#canonical[this.#finalized.number + 1] ?? "");
      passed.push(this.#finalized);
      this.#prune(this.#finalized.number - this.#keepStates);
    }
    return passed;
  }

  #prune(number: number): void {
    const block = this.at(number);
    if (block) this.#blocks.set(block.hash, { ...block, state: PRUNED, included: [] });
  }

  #known(hash: string): Block {
    const block = this.#blocks.get(hash);
    if (!block) throw new Error(`Block ${hash} is not in the tree`);
    return block;
  }
}
