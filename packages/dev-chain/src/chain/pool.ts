import { InvalidTransaction, invalid } from "../runtime/dispatch.ts";
import type { Readiness, SignedExtrinsic } from "../runtime/extrinsic.ts";
import type { Block, HeadChange } from "./block-tree.ts";

/** A transaction's way as `author_submitAndWatchExtrinsic` reports it. */
export type TransactionStatus =
  | "future"
  | "ready"
  | "invalid"
  | "dropped"
  | { readonly inBlock: string }
  | { readonly retracted: string }
  | { readonly finalized: string };

export type StatusListener = (status: TransactionStatus) => void;

/** Says whether an extrinsic could be included on top of the best head. Throws InvalidTransaction. */
export type Validator = (extrinsic: SignedExtrinsic) => Readiness;

/** Transactions that wait for a block, and those in unfinalized blocks that somebody watches. */
export class Pool {
  readonly #waiting = new Map<string, SignedExtrinsic>();
  readonly #listeners = new Map<string, Set<StatusListener>>();

  /** In arrival order, each sender's by nonce. */
  get candidates(): SignedExtrinsic[] {
    return [...this.#waiting.values()].sort((left, right) => left.nonce - right.nonce);
  }

  submit(extrinsic: SignedExtrinsic, validator: Validator): Readiness {
    if (this.#waiting.has(extrinsic.hash)) throw invalid.alreadyImported(extrinsic.hash);
    const readiness = validator(extrinsic);
    const sameNonce = this.candidates.some(
      ({ signer, nonce }) => signer === extrinsic.signer && nonce === extrinsic.nonce,
    );
    if (sameNonce) throw invalid.priorityTooLow();
    this.#waiting.set(extrinsic.hash, extrinsic);
    return readiness;
  }

  /** Follows one transaction until it is finalized or gone. */
  watch(hash: string, listener: StatusListener): () => void {
    const listeners = this.#listeners.get(hash) ?? new Set();
    this.#listeners.set(hash, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** First nonce of a sender that neither the chain nor the pool has used. */
  nextNonce(signer: string, onChain: number): number {
    const used = new Set(
      this.candidates.filter((extrinsic) => extrinsic.signer === signer).map(({ nonce }) => nonce),
    );
    let next = onChain;
    while (used.has(next)) next++;
    return next;
  }

  /** Brings the pool in line with a new best head. Retracted transactions come back unless `forget` says that they are lost. */
  follow({ retracted, enacted }: HeadChange, validator: Validator, forget: boolean): void {
    for (const block of retracted) {
      for (const extrinsic of block.included) {
        this.#tell(extrinsic.hash, { retracted: block.hash });
        if (forget) this.#end(extrinsic.hash, "dropped");
        else this.#waiting.set(extrinsic.hash, extrinsic);
      }
    }
    for (const block of enacted) {
      for (const { hash } of block.included) {
        this.#waiting.delete(hash);
        this.#tell(hash, { inBlock: block.hash });
      }
    }
    this.#revalidate(validator);
  }

  finalize(blocks: readonly Block[]): void {
    for (const block of blocks)
      for (const { hash } of block.included) this.#end(hash, { finalized: block.hash });
  }

  /** Forgets all that waits, as a node does that is started anew. */
  clear(): void {
    for (const hash of this.#waiting.keys()) {
      this.#waiting.delete(hash);
      this.#end(hash, "dropped");
    }
  }

  #revalidate(validator: Validator): void {
    for (const extrinsic of this.candidates) {
      try {
        validator(extrinsic);
      } catch (error) {
        if (!(error instanceof InvalidTransaction)) throw error;
        this.#waiting.delete(extrinsic.hash);
        this.#end(extrinsic.hash, "invalid");
      }
    }
  }

  #tell(hash: string, status: TransactionStatus): void {
    for (const listener of this.#listeners.get(hash) ?? []) listener(status);
  }

  #end(hash: string, status: TransactionStatus): void {
    this.#tell(hash, status);
    this.#listeners.delete(hash);
  }
}
