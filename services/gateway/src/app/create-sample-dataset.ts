import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import type { Dataset as DatasetMessage } from "@gradients/contracts/gateway";
import type { AccountId } from "@gradients/kernel";
import { Refused } from "../domain/refusal.ts";
import type { RepeatableRequest } from "./answer-once.ts";
import { type UploadDeps, uploadDataset } from "./upload-dataset.ts";

export interface SampleDeps extends UploadDeps {
  /** Path of the installation's sample file; undefined when it has none. */
  readonly samplePath: string | undefined;
}

/** Puts this installation's sample into the project, as if the customer had uploaded it. Throws Refused. */
export const createSampleDataset =
  (deps: SampleDeps) =>
  async (projectId: AccountId, request: RepeatableRequest, signal: AbortSignal): Promise<DatasetMessage> => {
    const { samplePath: path } = deps;
    if (path === undefined) throw new Refused({ code: "sample_not_configured" });
    const command = {
      projectId,
      fileName: basename(path),
      size: 0n,
      sha256: "",
      chosenMapping: undefined,
      model: "",
      attribution: await readAttribution(path),
      request,
      isContentCompared: false,
    };
    return uploadDataset(deps)(command, readLate(path), signal);
  };

/** Opens the file only when it is read. */
async function* readLate(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path) as AsyncIterable<Buffer>; // without an encoding it yields bytes
}

/** Source and licence stand beside `name.jsonl` in `name.LICENSE.txt`. */
async function readAttribution(path: string): Promise<string> {
  const sidecar = `${path.slice(0, path.length - extname(path).length)}.LICENSE.txt`;
  try {
    return (await readFile(sidecar, "utf8")).trim();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}
