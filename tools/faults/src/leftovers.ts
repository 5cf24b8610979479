import { readdir } from "node:fs/promises";
import { ListMultipartUploadsCommand, S3Client } from "@aws-sdk/client-s3";
import type { Servers } from "@gradients/dev/servers";
import { podProcesses } from "./pods.ts";
import type { Violation } from "./violation.ts";

const NO_PROCESS = "no orphan process";
const NO_FOLDER = "no leftover work folder";
const NO_UPLOAD = "no leftover upload";

export const leftoverPromises = [NO_PROCESS, NO_FOLDER, NO_UPLOAD];

interface Places {
  readonly servers: Pick<Servers, "s3">;
  readonly fleetDir: string;
  readonly scorerDir: string;
}

/** What must not be there once the last job has ended: processes, folders, half uploads. */
export async function leftovers({ servers, fleetDir, scorerDir }: Places): Promise<readonly Violation[]> {
  const [processes, pods, work, uploads] = await Promise.all([
    podProcesses(fleetDir),
    namesIn(fleetDir),
    namesIn(scorerDir),
    leftUploads(servers.s3),
  ]);
  return [
    ...processes.map((process) => ({ promise: NO_PROCESS, detail: JSON.stringify(process) })),
    ...[...pods, ...work].map((detail) => ({ promise: NO_FOLDER, detail })),
    ...uploads,
  ];
}

async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}

export async function leftUploads(s3: Servers["s3"]): Promise<readonly Violation[]> {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  });
  try {
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket: "gradients" }));
    return Uploads.map(({ Key = "" }) => ({ promise: NO_UPLOAD, detail: Key }));
  } finally {
    client.destroy();
  }
}
