/** A file in the object store, as events carry it: its content can be checked by whoever reads it. */
export interface ObjectRef {
  readonly key: string;
  /** Bytes. */
  readonly size: bigint;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}

/** What a file's content must be. */
export interface ContentDigest {
  /** Bytes. */
  readonly size: bigint | number;
  /** Lower-case hexadecimal. */
  readonly sha256: string;
}
