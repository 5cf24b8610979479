import type { StoredFile } from "@gradients/contracts/stored-object";

/** A complete checkpoint: a lost attempt goes on from it. */
export interface Checkpoint {
  readonly step: number;
  /** Training time spent up to this step, over all placements. */
  readonly trainSeconds: number;
  readonly files: readonly StoredFile[];
}
