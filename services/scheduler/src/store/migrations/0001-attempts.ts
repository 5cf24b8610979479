import { sql } from "kysely";
import type { Migration } from "kysely/migration";

export const attempts: Migration = { up };

async function up(db: Parameters<Migration["up"]>[0]): Promise<void> {
  await sql`
    create table job (
      job_id text primary key,
      state text not null,
      details jsonb,
      train jsonb,
      accepted_at timestamptz,
      deadline timestamptz,
      created_at timestamptz not null default now()
    )`.execute(db);
  await sql`
    create table attempt (
      attempt_id text primary key,
      job_id text not null references job,
      kind text not null,
      state text not null,
      epoch integer not null,
      hardware_class text not null,
      priority integer not null,
      queued_since timestamptz not null,
      not_before timestamptz not null,
      lease_expires_at timestamptz,
      work jsonb not null,
      checkpoint jsonb,
      result jsonb,
      failure jsonb,
      traceparent text,
      created_at timestamptz not null,
      started_at timestamptz,
      finished_at timestamptz
    )`.execute(db);
  await sql`create index attempt_job on attempt (job_id)`.execute(db);
  await sql`create index attempt_queued on attempt (queued_since) where state = 'queued'`.execute(db);
  await sql`create index attempt_lease on attempt (lease_expires_at) where lease_expires_at is not null`.execute(
    db,
  );
  await sql`
    create table attempt_token (
      attempt_id text not null references attempt,
      epoch integer not null,
      token_sha256 bytea not null unique,
      primary key (attempt_id, epoch)
    )`.execute(db);
  await sql`
    create table upload (
      upload_id text primary key,
      attempt_id text not null references attempt,
      epoch integer not null,
      purpose text not null,
      step bigint not null,
      file_name text not null,
      object_key text not null,
      size bigint not null,
      sha256 text not null,
      s3_upload_id text not null,
      completed boolean not null,
      created_at timestamptz not null default now()
    )`.execute(db);
  await sql`create index upload_attempt on upload (attempt_id)`.execute(db);
  await sql`
    create table timer (
      kind text not null,
      subject_id text not null,
      job_id text not null,
      due_at timestamptz not null,
      primary key (kind, subject_id)
    )`.execute(db);
  await sql`create index timer_due on timer (due_at)`.execute(db);
}
