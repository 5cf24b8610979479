import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import type { System } from "../system.ts";

/** Removes the one object whose key ends so. The result puts it back. */
export async function takeAwayObject(
  { endpoint, region, accessKeyId, secretAccessKey }: System["servers"]["s3"],
  ending: string,
): Promise<() => Promise<void>> {
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials });
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: "gradients" }));
  const keys = Contents.flatMap(({ Key }) => (Key?.endsWith(`/${ending}`) ? [Key] : []));
  const [Key] = keys;
  if (keys.length !== 1 || !Key) throw new Error(`${keys.length} objects end with ${ending}`);
  const place = { Bucket: "gradients", Key };
  const { Body } = await client.send(new GetObjectCommand(place));
  const content = await Body?.transformToByteArray();
  await client.send(new DeleteObjectCommand(place));
  return async () => {
    await client.send(new PutObjectCommand({ ...place, Body: content ?? "" }));
    client.destroy();
  };
}
