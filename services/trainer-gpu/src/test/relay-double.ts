import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  AttemptService,
  Directive,
  type FinishRequest,
  type GetAssignmentResponseSchema,
} from "@gradients/contracts/trainer";
import type { ObjectRef, ObjectStore } from "@gradients/objects";
import { bind, createRpcPart } from "@gradients/rpc";
import { createLogger } from "@gradients/runtime";

export interface RelayDouble {
  readonly target: string;
  /** Everything that was delivered, by `purpose step name`. */
  readonly uploads: ReadonlyMap<string, ObjectRef>;
  outcome(): FinishRequest["outcome"] | undefined;
  close(): Promise<void>;
}

/** Gives out one assignment and takes reports; with an object store also files, which lie there afterwards under their upload's id. */
export async function openRelay(
  assignment: MessageInitShape<typeof GetAssignmentResponseSchema>,
  objects?: ObjectStore,
): Promise<RelayDouble> {
  const uploads = new Map<string, ObjectRef>();
  const opened = new Map<string, Opened>();
  let begun = 0;
  let outcome: FinishRequest["outcome"] | undefined;
  const store = () => objects ?? raise("uploads are not expected here");
  const binding = bind(AttemptService, {
    getAssignment: async () => ({
      jobId: "j",
      attemptId: "a",
      heartbeatSeconds: 0.2,
      engineSpecJson: "{}",
      ...assignment,
    }),
    report: async () => ({ directive: Directive.CONTINUE }),
    beginUpload: async ({ purpose, step, fileName, size, sha256 }) => {
      const key = `upload-${begun++}`;
      const s3UploadId = await store().createMultipart(key);
      opened.set(key, { s3UploadId, label: `${purpose} ${step} ${fileName}`, fileName, size, sha256 });
      return {
        uploadId: key,
        partSize: 1n << 40n,
        partUrls: [await store().presignPart(key, s3UploadId, 1)],
      };
    },
    completeUpload: async ({ uploadId: key, etags }) => {
      const { s3UploadId, label, fileName: name, size, sha256 } = opened.get(key) ?? raise("unknown upload");
      await store().completeMultipart(key, s3UploadId, etags);
      uploads.set(label, { key, size, sha256 });
      return { file: { name, object: { key, size, sha256 } } };
    },
    commitCheckpoint: async () => ({}),
    finish: async (request) => {
      outcome = request.outcome;
      return {};
    },
  });
  const logger = createLogger({ service: "test", level: "silent" });
  const listen = { host: "127.0.0.1", port: 0 };
  const part = createRpcPart({
    bindings: [binding],
    listen,
    logger,
    isOutage: () => false,
    reflection: false,
  });
  const { grpc: target = "" } = (await part.start?.()) ?? {};
  const close = async () => {
    await part.stop?.();
  };
  return { target, uploads, outcome: () => outcome, close };
}

interface Opened {
  readonly s3UploadId: string;
  readonly label: string;
  readonly fileName: string;
  readonly size: bigint;
  readonly sha256: string;
}

function raise(message: string): never {
  throw new Error(message);
}
