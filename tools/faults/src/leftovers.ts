import { readdir } from "node:fs/promises";
import { ListMultipartUploadsCommand, S3Client } from "@aws-sdk/client-s3";
import { podProcesses } from "./pods.ts";
import type { System } from "./system.ts";
import type { Violation } from "./violation.ts";

const NO_PROCESS = "no orphan process";
const NO_FOLDER = "no leftover work folder";
const NO_UPLOAD = "no leftover upload";

export const leftoverPromises = [NO_PROCESS, NO_FOLDER, NO_UPLOAD];

/** What must not be there once the last job has ended: processes, folders, half uploads. */
export async function leftovers({ servers, fleetDir, scorerDir }: System): Promise<readonly Violation[]> {
  const [processes, pods, work, uploads] = await Promise.all([
    podProcesses(fleetDir),
    namesIn(fleetDir),
    namesIn(scorerDir),
    openUploads(servers.s3),
  ]);
  return [
    ...processes.map((process) => ({ promise: NO_PROCESS, detail: JSON.stringify(process) })),
    ...[...pods, ...work].map((detail) => ({ promise: NO_FOLDER, detail })),
    ...uploads.map((detail) => ({ promise: NO_UPLOAD, detail })),
  ];
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}

async function openUploads(s3: System["servers"]["s3"]): Promise<readonly string[]> {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  try {
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: "gradients" }));
    return Uploads.map(({ Key = "" }) => Key);
  } finally {
    client.destroy();
  }
}
