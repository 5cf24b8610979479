import type { ContentDigest } from "./object-ref.ts";

export type ObjectErrorCode =
  | "OBJECT_NOT_FOUND"
  | "DIGEST_MISMATCH"
  | "FILE_CHANGED"
  | "TRANSFER_FAILED"
  | "TRANSFER_REFUSED";

/** A failure that this package names; anything else (network, credentials) is the SDK's own error. */
export abstract class ObjectError extends Error {
  abstract readonly code: ObjectErrorCode;
}

export class ObjectNotFound extends ObjectError {
  override readonly name = "ObjectNotFound";
  readonly code = "OBJECT_NOT_FOUND";
  readonly key: string;

  constructor(key: string, options?: ErrorOptions) {
    super(`there is no object ${key}`, options);
    this.key = key;
  }
}

/** The content is not what its reference promises: too short, too long, or other bytes. */
export class DigestMismatch extends ObjectError {
  override readonly name = "DigestMismatch";
  readonly code = "DIGEST_MISMATCH";
  /** Object key, file path or URL without its query. */
  readonly subject: string;
  readonly expected: ContentDigest;
  readonly found: ContentDigest;

  constructor(subject: string, expected: ContentDigest, found: ContentDigest) {
    super(
      `${subject} has ${found.size} bytes with SHA-256 ${found.sha256}, expected ${expected.size} bytes with ${expected.sha256}`,
    );
    this.subject = subject;
    this.expected = expected;
    this.found = found;
  }
}

/** Somebody wrote to a file after its digest was made. */
export class FileChanged extends ObjectError {
  override readonly name = "FileChanged";
  readonly code = "FILE_CHANGED";

  constructor(file: string) {
    super(`${file} was changed after its digest was made`);
  }
}

/** The other side could not be reached, or broke off, more often than it is worth trying. */
export class TransferFailed extends ObjectError {
  override readonly name = "TransferFailed";
  readonly code = "TRANSFER_FAILED";
}

/**
 * The other side said no: the URL has expired, is wrong, or the object is gone. Trying again is of no use.
 */
export class TransferRefused extends ObjectError {
  override readonly name = "TransferRefused";
  readonly code = "TRANSFER_REFUSED";
  readonly status: number;

  constructor(subject: string, status: number, detail: string) {
    super(`${subject} was refused with HTTP ${status}${detail && `: ${detail}`}`);
    this.status = status;
  }
}
