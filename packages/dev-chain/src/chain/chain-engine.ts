import { buildMetadata } from "../metadata/build-metadata.ts";
import { readAccount } from "../runtime/balances.ts";
import { RuntimeCodec } from "../runtime/codec.ts";
import { decodeSigned, type SignedExtrinsic, validate } from "../runtime/extrinsic.ts";
import { Storage } from "../runtime/storage.ts";
import { buildBlock, type Override } from "./block-builder.ts";
import { type Block, BlockTree } from "./block-tree.ts";
import { type GenesisOptions, genesisBlock } from "./genesis.ts";
import { Pool, type StatusListener, type TransactionStatus, type Validator } from "./pool.ts";

export interface EngineOptions extends GenesisOptions {
  readonly finalityLagBlocks: number;
  /** Blocks behind the finalized one whose state can still be read. */
  readonly keepStates: number;
  /** Unix milliseconds for the block of that number. */
  readonly timeOf: (blockNumber: number) => number;
}

export interface ChainListener {
  readonly onImported: (block: Block) => void;
  readonly onBest: (block: Block) => void;
  /** Only the last of the blocks that became final together, as a real node notifies. */
  readonly onFinalized: (block: Block) => void;
}

/** The chain itself: makes blocks on demand, keeps the tree, the pool and the finalized head. Knows nothing of RPC or of time passing. */
export class ChainEngine {
  readonly codec = new RuntimeCodec(buildMetadata());
  readonly tree: BlockTree;
  readonly pool = new Pool();
  readonly netuid: number;
  readonly genesisHash: string;
  /** Hears of each transaction that the pool took from a client. */
  onSubmitted: (bytes: Uint8Array) => void = () => undefined;
  readonly #options: EngineOptions;
  readonly #listeners = new Set<ChainListener>();
  #overrides: Override[] = [];
  #slot = 0;
  #finalityStalled = false;

  /** Without a genesis block it begins another chain. */
  constructor(options: EngineOptions, genesis?: Block) {
    this.#options = options;
    this.netuid = options.netuid;
    this.tree = new BlockTree(genesis ?? genesisBlock(this.codec, options), options.keepStates);
    this.genesisHash = this.tree.best.hash;
  }

  listen(listener: ChainListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** One block on the best head with what waits in the pool. */
  produceBlock(): Block {
    const block = this.#build(this.tree.best, this.pool.candidates, this.#overrides);
    this.#overrides = [];
    this.#adopt(block, false);
    return block;
  }

  /** Another node of the same chain: it knows the first block only, and what it is given by `import` from here on. */
  peer(): ChainEngine {
    const genesis = this.tree.at(0);
    if (!genesis || this.tree.isPruned(genesis))
      throw new Error("A peer must join before the first block is pruned");
    return new ChainEngine(this.#options, genesis);
  }

  /** Takes the branch that ends in another node's block and makes it the best one. */
  import(head: Block, source: BlockTree): void {
    const branch: Block[] = [];
    for (
      let block: Block | undefined = head;
      block && !this.tree.get(block.hash);
      block = source.get(block.parentHash)
    )
      branch.unshift(block);
    for (const block of branch) this.tree.add(block);
    if (branch.length > 0) this.#adopt(head, false);
  }

  /** Replaces the last `depth` blocks, none of them final, by `depth + 1` empty siblings; what was in them goes back to the pool or is lost. */
  reorganise(depth: number, loseTransactions: boolean): Block {
    const fork = this.tree.best.number - depth;
    let head = this.tree.at(fork);
    if (!head || fork < this.tree.finalized.number)
      throw new Error(`Cannot reorganise ${depth} blocks: block ${this.tree.finalized.number} is final`);
    for (let count = 0; count <= depth; count++) {
      head = this.#build(head, [], []);
      this.tree.add(head);
    }
    this.#adopt(head, loseTransactions);
    return head;
  }

  /** Storage that the operator sets in the next block. */
  override(entry: Override): void {
    this.#overrides.push(entry);
  }

  stallFinality(stalled: boolean): void {
    this.#finalityStalled = stalled;
    if (!stalled) this.#advanceFinality();
  }

  submit(
    bytes: Uint8Array,
    listener?: StatusListener,
  ): {
    readonly extrinsic: SignedExtrinsic;
    readonly status: TransactionStatus;
    readonly unwatch: () => void;
  } {
    const extrinsic = decodeSigned(this.codec, bytes);
    const status = this.pool.submit(extrinsic, this.#validator());
    this.onSubmitted(bytes);
    const unwatch = listener ? this.pool.watch(extrinsic.hash, listener) : () => undefined;
    return { extrinsic, status, unwatch };
  }

  storageAt(block: Block): Storage {
    return new Storage(this.codec, block.state);
  }

  nextNonce(address: string): number {
    return this.pool.nextNonce(address, readAccount(this.storageAt(this.tree.best), address).nonce);
  }

  #build(parent: Block, candidates: readonly SignedExtrinsic[], overrides: readonly Override[]): Block {
    this.#slot++;
    return buildBlock({
      codec: this.codec,
      netuid: this.netuid,
      genesisHash: this.genesisHash,
      parent,
      hashOf: (number) => this.tree.hashAt(number),
      unixMilliseconds: this.#options.timeOf(parent.number + 1),
      slot: this.#slot,
      candidates,
      overrides,
    });
  }

  #adopt(block: Block, loseTransactions: boolean): void {
    this.tree.add(block);
    const change = this.tree.setBest(block);
    this.pool.follow(change, this.#validator(), loseTransactions);
    for (const listener of this.#listeners) {
      for (const enacted of change.enacted) listener.onImported(enacted);
      listener.onBest(block);
    }
    if (!this.#finalityStalled) this.#advanceFinality();
  }

  #advanceFinality(): void {
    const passed = this.tree.finalize(this.tree.best.number - this.#options.finalityLagBlocks);
    const last = passed.at(-1);
    if (!last) return;
    this.pool.finalize(passed);
    for (const listener of this.#listeners) listener.onFinalized(last);
  }

  #validator(): Validator {
    const storage = this.storageAt(this.tree.best);
    const position = {
      blockNumber: this.tree.best.number + 1,
      hashOf: (number: number) => this.tree.hashAt(number),
    };
    return (extrinsic) => validate(this.genesisHash, extrinsic, storage, position);
  }
}
