/** An object in the store with what is needed to check it. `size` in bytes, `sha256` in lower-case hexadecimal. */
export interface StoredObject {
  readonly key: string;
  readonly size: number;
  readonly sha256: string;
}

/** One file of a model folder, an artifact or a checkpoint. */
export interface StoredFile {
  readonly name: string;
  readonly object: StoredObject;
}

/** A complete checkpoint: a lost attempt goes on from it. */
export interface Checkpoint {
  readonly step: number;
  /** Training time spent up to this step, over all placements. */
  readonly trainSeconds: number;
  readonly files: readonly StoredFile[];
}
