import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { CreateMultipartUploadCommand, S3Client } from "@aws-sdk/client-s3";
import pg from "pg";
import type { Customer } from "../customer.ts";
import { type System, serviceNames } from "../system.ts";

/** Breaks every promise once, by hand: a checker that finds nothing must have been able to. Services are stopped first, or they would repair some of it. */
export async function forgeBreaches(system: System, customer: Customer): Promise<void> {
  for (const name of serviceNames) await system.kill(name);
  customer.accepted.push({ requestId: "forged", name: `projects/p/jobs/${crypto.randomUUID()}` });
  await forgeRecords(system.servers.postgres.url);
  await mkdir(join(system.fleetDir, "attempt-forged"));
  await leaveUpload(system.servers.s3);
  const home = join(system.fleetDir, `attempt-${crypto.randomUUID()}-e0`, "scratch");
  spawn("sleep", ["30"], { env: { HOME: home }, stdio: "ignore" }).unref();
}

async function forgeRecords(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query("set session_replication_role = replica"); // constraints would not let it pass
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** A row like another one, with some columns changed. */
function copy(table: string, changes: string): string {
  return `insert into ${table} overriding user value
    select (jsonb_populate_record(null::${table}, to_jsonb(r) || jsonb_build_object(${changes}))).* from ${table} r limit 1`;
}

const newId = "gen_random_uuid()";
const long = "now() - interval '1 hour'";

const statements: readonly string[] = [
  copy("gateway.job", `'job_id', ${newId}, 'state', 'failed'`),
  copy("gateway.job", `'job_id', ${newId}, 'state', 'racing'`),
  copy("gateway.job", `'job_id', ${newId}, 'state', 'succeeded'`),
  copy("scorer.verdict", `'job_id', ${newId}`),
  `insert into chain_bridge.scored_job values (${newId}, now(), 5)`,
  `insert into chain_bridge.ledger_entry values (${newId}, 'forged', 1)`,
  `insert into chain_bridge.reward (reward_id, genesis_hash, netuid, mecid, epoch, block_number, block_hash, uid, hotkey, coldkey,
    destination_hotkey, amount_rao, status, created_at) values (${newId}, 'g', 1, 0, 1, 1, 'b', 0, 'h', 'c', 'h', 1, 'paid', ${long})`,
  copy("scheduler.attempt", `'attempt_id', ${newId}, 'kind', 'train', 'lease_expires_at', now()`),
  copy("scorer.outbox", `'event_id', ${newId}, 'published_at', null, 'created_at', ${long}`),
  copy("scorer.outbox", `'event_id', ${newId}, 'published_at', ${long}`),
  `insert into scorer.dead_letter (id, consumer, event_id, type, subject, headers, payload, error, deliveries, failed_at)
    values (${newId}, 'scorer', ${newId}, 't', 's', '{}', '', 'forged', 1, now())`,
];

async function leaveUpload(s3: System["servers"]["s3"]): Promise<void> {
  const { endpoint, region, accessKeyId, secretAccessKey } = s3;
  const credentials = { accessKeyId, secretAccessKey };
  const client = new S3Client({ endpoint, region, forcePathStyle: true, credentials });
  try {
    await client.send(new CreateMultipartUploadCommand({ Bucket: "gradients", Key: "jobs/forged" }));
  } finally {
    client.destroy();
  }
}
