import type { Readable } from "node:stream";
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { failpoint } from "@gradients/kernel";
import { deletePrefix } from "./delete-prefix.ts";
import { verified } from "./digest.ts";
import { ObjectNotFound } from "./errors.ts";
import type { ObjectRef } from "./object-ref.ts";
import { PART_BYTES, type PutBody, type PutOptions, putObject } from "./put-object.ts";

export interface ObjectStoreOptions {
  /** Of the S3 server as this process reaches it, e.g. `http://127.0.0.1:8333`. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of the same server as holders of presigned URLs reach it; `endpoint` if absent. */
  readonly publicEndpoint?: string | undefined;
}

export interface ObjectHead {
  readonly key: string;
  readonly size: bigint;
  readonly etag: string;
  readonly contentType?: string;
  readonly lastModified?: Date;
}

export interface PresignGetOptions {
  readonly expiresSeconds: number;
  /** Name that a browser gives the download. */
  readonly filename?: string;
}

/** A bucket of an S3 server. Content is streamed both ways: memory does not grow with an object's size. */
export interface ObjectStore {
  /** Creates the bucket unless it exists. */
  ensureBucket(signal?: AbortSignal): Promise<void>;
  /**
   * Uploads and hashes in one pass. With `sha256`, content of another digest throws DigestMismatch and leaves
   * no object.
   */
  put(key: string, body: PutBody, options?: PutOptions): Promise<ObjectRef>;
  /**
   * The content, checked while it is read: throws ObjectNotFound at once, DigestMismatch at the end (before
   * the consumer sees the end).
   */
  get(ref: ObjectRef, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * Bytes in [start, end), for formats that are read at any place. They are not checked: only a whole object
   * has a digest. Throws ObjectNotFound.
   */
  getRange(key: string, start: number, end: number, signal?: AbortSignal): Promise<Uint8Array>;
  head(key: string, signal?: AbortSignal): Promise<ObjectHead | undefined>;
  exists(key: string, signal?: AbortSignal): Promise<boolean>;
  /** Succeeds as well when there is no such object. */
  delete(key: string, signal?: AbortSignal): Promise<void>;
  /** Deletes every object whose key starts with `prefix`; returns how many. */
  deletePrefix(prefix: string, signal?: AbortSignal): Promise<number>;
  presignGet(key: string, options: PresignGetOptions): Promise<string>;
  /** Opens a multipart upload for someone without credentials; returns its upload id. */
  createMultipart(key: string, signal?: AbortSignal): Promise<string>;
  /**
   * URL to PUT part `number` (from 1) to; every part but the last needs at least 5 MiB. Valid for an hour
   * unless told otherwise.
   */
  presignPart(
    key: string,
    uploadId: string,
    number: number,
    options?: { readonly expiresSeconds: number },
  ): Promise<string>;
  /** Makes the object of its parts' ETags, in part order. */
  completeMultipart(
    key: string,
    uploadId: string,
    etags: readonly string[],
    signal?: AbortSignal,
  ): Promise<void>;
  /** Ends every open multipart upload of this key, also one whose id was never learnt; succeeds as well when there is none. */
  abortMultiparts(key: string, signal?: AbortSignal): Promise<void>;
  close(): void;
}

export function createObjectStore(options: ObjectStoreOptions): ObjectStore {
  const { bucket } = options;
  const client = createClient(options, options.endpoint);
  const signer = options.publicEndpoint ? createClient(options, options.publicEndpoint) : client;
  return {
    ensureBucket: (signal) => ensureBucket(client, bucket, signal),
    put: async (key, body, putOptions) => {
      const ref = await putObject(client, bucket, key, body, putOptions);
      // It was opened twice when the first answer was lost.
      if (ref.size > PART_BYTES) await abortMultiparts(client, bucket, key, putOptions?.signal);
      return ref;
    },
    get: (ref, signal) => verified(ref.key, readObject(client, bucket, ref.key, signal), ref),
    getRange: (key, start, end, signal) => readRange(client, bucket, key, [start, end], signal),
    head: (key, signal) => headObject(client, bucket, key, signal),
    exists: async (key, signal) => (await headObject(client, bucket, key, signal)) !== undefined,
    delete: async (key, signal) => {
      await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }), sendOptions(signal));
      failpoint("objects.deleted");
    },
    deletePrefix: (prefix, signal) => deletePrefix(client, bucket, prefix, signal),
    presignGet: (key, { expiresSeconds, filename }) => {
      const disposition = filename === undefined ? {} : { ResponseContentDisposition: attachment(filename) };
      return getSignedUrl(signer, new GetObjectCommand({ Bucket: bucket, Key: key, ...disposition }), {
        expiresIn: expiresSeconds,
      });
    },
    createMultipart: (key, signal) => createMultipart(client, bucket, key, signal),
    presignPart: (key, uploadId, number, { expiresSeconds } = { expiresSeconds: 3600 }) => {
      const part = new UploadPartCommand({
        Bucket: bucket,
        Key: key,
        UploadId: uploadId,
        PartNumber: number,
      });
      return getSignedUrl(signer, part, { expiresIn: expiresSeconds });
    },
    completeMultipart: async (key, uploadId, etags, signal) => {
      const Parts = etags.map((ETag, index) => ({ ETag, PartNumber: index + 1 }));
      const command = new CompleteMultipartUploadCommand({
        Bucket: bucket,
        Key: key,
        UploadId: uploadId,
        MultipartUpload: { Parts },
      });
      failpoint("objects.before-multipart-complete");
      await client.send(command, sendOptions(signal));
      failpoint("objects.multipart-completed");
    },
    abortMultiparts: (key, signal) => abortMultiparts(client, bucket, key, signal),
    close: () => {
      client.destroy();
      signer.destroy();
    },
  };
}

function createClient(
  { region, accessKeyId, secretAccessKey }: ObjectStoreOptions,
  endpoint: string,
): S3Client {
  return new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    // Servers other than AWS do not all know the newer checksum headers; our own SHA-256 covers the content.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    maxAttempts: 4,
    requestHandler: { connectionTimeout: 5_000, socketTimeout: 60_000 },
  });
}

async function ensureBucket(client: S3Client, bucket: string, signal?: AbortSignal): Promise<void> {
  const exists = await orUndefined(
    client.send(new HeadBucketCommand({ Bucket: bucket }), sendOptions(signal)),
    isNotFound,
  );
  if (exists) return;
  await orUndefined(
    client.send(new CreateBucketCommand({ Bucket: bucket }), sendOptions(signal)),
    isAlreadyOurs,
  );
}

async function* readObject(
  client: S3Client,
  bucket: string,
  key: string,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const command = new GetObjectCommand({ Bucket: bucket, Key: key });
  try {
    const response = await orUndefined(client.send(command, sendOptions(signal)), isNotFound);
    if (!response) throw new ObjectNotFound(key);
    // On Node the SDK's body is always a Readable.
    yield* response.Body as Readable;
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

async function readRange(
  client: S3Client,
  bucket: string,
  key: string,
  [start, end]: readonly [number, number],
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (end <= start) return new Uint8Array();
  const command = new GetObjectCommand({ Bucket: bucket, Key: key, Range: `bytes=${start}-${end - 1}` });
  const response = await orUndefined(client.send(command, sendOptions(signal)), isNotFound);
  if (!response?.Body) throw new ObjectNotFound(key);
  return response.Body.transformToByteArray();
}

async function headObject(
  client: S3Client,
  bucket: string,
  key: string,
  signal?: AbortSignal,
): Promise<ObjectHead | undefined> {
  const response = await orUndefined(
    client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }), sendOptions(signal)),
    isNotFound,
  );
  if (!response) return undefined;
  return {
    key,
    size: BigInt(response.ContentLength ?? 0),
    etag: response.ETag ?? "",
    ...(response.ContentType && { contentType: response.ContentType }),
    ...(response.LastModified && { lastModified: response.LastModified }),
  };
}

async function createMultipart(
  client: S3Client,
  bucket: string,
  key: string,
  signal?: AbortSignal,
): Promise<string> {
  const { UploadId } = await client.send(
    new CreateMultipartUploadCommand({ Bucket: bucket, Key: key }),
    sendOptions(signal),
  );
  failpoint("objects.multipart-created");
  if (!UploadId) throw new Error("the S3 server answered CreateMultipartUpload without an upload id");
  return UploadId;
}

async function abortMultiparts(
  client: S3Client,
  bucket: string,
  key: string,
  signal?: AbortSignal,
): Promise<void> {
  const list = new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: key });
  const { Uploads = [] } = await client.send(list, sendOptions(signal));
  for (const { Key, UploadId } of Uploads) {
    if (Key !== key) continue;
    const command = new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId });
    await orUndefined(client.send(command, sendOptions(signal)), isNotFound);
    failpoint("objects.multipart-aborted");
  }
}

/** RFC 6266: a plain name for old clients, the true one in UTF-8. */
function attachment(filename: string): string {
  const plain = filename.replaceAll(/[^\x20-\x7e]|["\\]/g, "_");
  const encoded = encodeURIComponent(filename).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

function sendOptions(signal: AbortSignal | undefined): { readonly abortSignal?: AbortSignal } {
  return signal ? { abortSignal: signal } : {};
}

async function orUndefined<T>(
  promise: Promise<T>,
  expected: (error: unknown) => boolean,
): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (expected(error)) return undefined;
    throw error;
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof S3ServiceException && error.$metadata.httpStatusCode === 404;
}

function isAlreadyOurs(error: unknown): boolean {
  return (
    error instanceof S3ServiceException &&
    (error.name === "BucketAlreadyOwnedByYou" || error.name === "BucketAlreadyExists")
  );
}
