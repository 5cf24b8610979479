import type { S3Access } from "./s3.ts";

/** What the global set-up of a test run hands to its test files. */
export interface TestRun {
  readonly postgresUrl: string;
  readonly s3: S3Access;
}

declare module "vitest" {
  interface ProvidedContext {
    gradientsTestRun: TestRun;
  }
}

/** Loaded only here: servers of this package also start outside of vitest. */
export async function currentTestRun(): Promise<TestRun> {
  const { inject } = await import("vitest");
  return inject("gradientsTestRun");
}
