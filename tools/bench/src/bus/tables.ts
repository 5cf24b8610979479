import { type BusTables, busMigrations, event, type OutboxEvent } from "@gradients/bus";
import { AttemptFinishedSchema } from "@gradients/contracts/event";
import { createDatabase, type Database, migrate } from "@gradients/db";
import { newId } from "@gradients/kernel";
import { createLogger } from "@gradients/runtime";
import { type Generated, type Kysely, sql } from "kysely";

export type Tables = BusTables & {
  effect: { id: Generated<bigint>; attempt_id: string };
};

export const logger = createLogger({ service: "bench", level: "warn" });

const migrations = {
  ...busMigrations,
  "0001-effect": {
    up: async (kysely: Kysely<unknown>) =>
      void (await sql`create table effect (id bigint generated always as identity primary key, attempt_id text not null)`.execute(
        kysely,
      )),
  },
};

export async function prepareSchema(url: string, schema: string): Promise<void> {
  const db = openDatabase(url, schema, 1);
  await migrate(db, migrations);
  await db.close();
}

export function openDatabase(url: string, schema: string, poolSize: number): Database<Tables> {
  return createDatabase<Tables>({ url, schema, applicationName: "bench", poolSize }, logger);
}

/** An event of usual size, each about a thing of its own. */
export function sampleEvent(): OutboxEvent {
  const [jobId, attemptId] = [newId(), newId()];
  const artifact = [
    {
      name: "adapter_model.safetensors",
      object: { key: `jobs/${jobId}/${attemptId}`, size: 1_234_567n, sha256: "a".repeat(64) },
    },
  ];
  const stats = {
    steps: 120n,
    examples: 1_920n,
    tokens: 98_304n,
    trainSeconds: 59.2,
    finalLoss: 1.37,
    trainableParameters: 921_600n,
    peakMemoryBytes: 1_450_000_000n,
    engineVersion: "0.1.0",
    device: "cpu",
  };
  return event(AttemptFinishedSchema, { jobId, attemptId, artifact, stats }, { aggregateId: jobId });
}
