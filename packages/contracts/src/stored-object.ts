import type { MessageInitShape } from "@bufbuild/protobuf";
import type { FileRef, FileRefSchema, ObjectRef, ObjectRefSchema } from "./common.ts";
import { IncompleteMessage } from "./incomplete-message.ts";

/** An object in the store as services keep it: what an ObjectRef says. `size` in bytes, `sha256` in lower-case hexadecimal. */
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

/** Throws IncompleteMessage when there is none; `what` names it. */
export function toObject(ref: ObjectRef | undefined, what: string): StoredObject {
  if (!ref) throw new IncompleteMessage(what);
  return { key: ref.key, size: Number(ref.size), sha256: ref.sha256 };
}

export function toFile({ name, object }: FileRef): StoredFile {
  return { name, object: toObject(object, `object of ${name}`) };
}

export function fromObject({ key, size, sha256 }: StoredObject): MessageInitShape<typeof ObjectRefSchema> {
  return { key, size: BigInt(size), sha256 };
}

export function fromFile({ name, object }: StoredFile): MessageInitShape<typeof FileRefSchema> {
  return { name, object: fromObject(object) };
}
