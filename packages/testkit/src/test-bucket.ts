import { randomBytes } from "node:crypto";
import { CreateBucketCommand } from "@aws-sdk/client-s3";
import { createS3Client, ignoreExisting, type S3Access } from "./s3.ts";
import { currentTestRun } from "./test-run.ts";

export interface TestBucket extends S3Access {
  readonly bucket: string;
}

/** An empty bucket of its own on the run's S3 server, in the shape that an object store's configuration takes. */
export async function testBucket(): Promise<TestBucket> {
  const { s3 } = await currentTestRun();
  const bucket = `test-${randomBytes(6).toString("hex")}`;
  const client = createS3Client(s3);
  try {
    await ignoreExisting(client.send(new CreateBucketCommand({ Bucket: bucket })));
  } finally {
    client.destroy();
  }
  return { ...s3, bucket };
}
