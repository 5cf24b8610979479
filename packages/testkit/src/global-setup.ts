import type { TestProject } from "vitest/node";
import { startPostgres } from "./postgres.ts";
import { startS3 } from "./s3.ts";
import "./test-run.ts";

/** vitest calls it once per run of a project that names it; what it returns is the teardown. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [postgres, s3] = await Promise.all([startPostgres({ durable: false }), startS3()]);
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  project.provide("gradientsTestRun", {
    postgresUrl: postgres.url,
    s3: { endpoint, region, accessKeyId, secretAccessKey },
  });
  return async () => {
    await Promise.all([postgres.stop(), s3.stop()]);
  };
}
