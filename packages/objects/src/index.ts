export { sha256OfFile } from "./digest.ts";
export { downloadTo } from "./download-to.ts";
export {
  DigestMismatch,
  FileChanged,
  ObjectError,
  type ObjectErrorCode,
  ObjectNotFound,
  TransferFailed,
  TransferRefused,
} from "./errors.ts";
export type { ContentDigest, ObjectRef } from "./object-ref.ts";
export {
  createObjectStore,
  type ObjectHead,
  type ObjectStore,
  type ObjectStoreOptions,
  type PresignGetOptions,
} from "./object-store.ts";
export type { PutBody, PutOptions } from "./put-object.ts";
export { type SealedFile, sealFile } from "./sealed-file.ts";
export { type UploadPartsOptions, uploadParts } from "./upload-parts.ts";
