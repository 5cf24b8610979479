import type { RuntimeCodec } from "./codec.ts";
import type { Storage } from "./storage.ts";

/** What a call is executed with. Events collected here belong to the phase that the block builder is in. */
export interface DispatchContext {
  readonly storage: Storage;
  readonly codec: RuntimeCodec;
  readonly blockNumber: number;
  readonly emit: (event: string, ...values: readonly unknown[]) => void;
}

/** A call refused at dispatch: it is in the block, its changes are not. `dispatchError` is the value of a DispatchError. */
export class DispatchFailure extends Error {
  readonly dispatchError: object;

  constructor(name: string, dispatchError: object) {
    super(name);
    this.name = "DispatchFailure";
    this.dispatchError = dispatchError;
  }
}

export function moduleFailure(codec: RuntimeCodec, path: string): DispatchFailure {
  return new DispatchFailure(path, { Module: codec.moduleError(path) });
}

/** An extrinsic refused before it is in any block: by the pool on submission, or left out by the block builder. */
export class InvalidTransaction extends Error {
  readonly code: number;
  readonly data: string;

  constructor(code: number, message: string, data: string) {
    super(message);
    this.name = "InvalidTransaction";
    this.code = code;
    this.data = data;
  }
}

const INVALID = "Invalid Transaction";

export const invalid = {
  custom: (code: number) => new InvalidTransaction(1010, INVALID, `Custom error: ${code}`),
  badProof: () => new InvalidTransaction(1010, INVALID, "Transaction has a bad signature"),
  stale: () => new InvalidTransaction(1010, INVALID, "Transaction is outdated"),
  future: () => new InvalidTransaction(1010, INVALID, "Transaction will be valid in the future"),
  payment: () =>
    new InvalidTransaction(1010, INVALID, "Inability to pay some fees (e.g. account balance too low)"),
  ancientBirthBlock: () => new InvalidTransaction(1010, INVALID, "Transaction has an ancient birth block"),
  call: () => new InvalidTransaction(1010, INVALID, "Transaction call is not expected"),
  alreadyImported: (hash: string) => new InvalidTransaction(1013, "Transaction Already Imported", hash),
  priorityTooLow: () =>
    new InvalidTransaction(
      1014,
      "Priority is too low: (0 vs 0)",
      "The transaction has too low priority to replace another transaction already in the pool.",
    ),
  undecodable: () =>
    new InvalidTransaction(
      1002,
      "Verification Error: Runtime error: Execution failed",
      "Could not decode the extrinsic",
    ),
} as const;
