import { DeleteObjectsCommand, ListObjectsV2Command, type S3Client } from "@aws-sdk/client-s3";

/** Deletes page by page. Restarts the listing each time, because pages shift under deletion. */
export async function deletePrefix(
  client: S3Client,
  bucket: string,
  prefix: string,
  signal?: AbortSignal,
): Promise<number> {
  if (prefix === "") throw new Error("an empty prefix would delete the whole bucket");
  const options = signal ? { abortSignal: signal } : {};
  for (let deleted = 0; ; ) {
    const page = await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix }), options);
    const Objects = (page.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [{ Key }]));
    if (Objects.length === 0) return deleted;
    const { Errors = [] } = await client.send(
      new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects, Quiet: true } }),
      options,
    );
    if (Errors[0])
      throw new Error(`could not delete ${Errors[0].Key}: ${Errors[0].Code} ${Errors[0].Message}`);
    deleted += Objects.length;
  }
}
