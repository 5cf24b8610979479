import { type Kysely, sql } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table job (
      job_id text primary key,
      state text not null,
      details jsonb not null,
      salt bytea not null,
      deadline timestamptz not null,
      failure jsonb,
      created_at timestamptz not null default now()
    )`.execute(db);
  await sql`
    create table split (
      job_id text primary key references job,
      train jsonb not null,
      heldout jsonb not null,
      train_rows integer not null,
      heldout_rows jsonb not null,
      clusters jsonb not null,
      commitment text not null,
      dropped_rows jsonb not null,
      policy jsonb not null
    )`.execute(db);
  await sql`
    create table race_entry (
      job_id text not null references job,
      attempt_id text not null,
      details jsonb not null,
      primary key (job_id, attempt_id)
    )`.execute(db);
  await sql`
    create table attempt_finish (
      attempt_id text primary key,
      job_id text not null,
      finished_at timestamptz not null
    )`.execute(db);
  await sql`create index attempt_finish_job on attempt_finish (job_id)`.execute(db);
  await sql`
    create table evaluation (
      evaluation_id text primary key,
      job_id text not null references job,
      attempt_id text,
      position integer not null,
      result jsonb
    )`.execute(db);
  await sql`create index evaluation_job on evaluation (job_id)`.execute(db);
  await sql`
    create table verdict (
      job_id text primary key references job,
      message bytea not null
    )`.execute(db);
  await sql`
    create table task (
      kind text not null,
      job_id text not null,
      due_at timestamptz not null,
      tries integer not null default 0,
      epoch integer not null default 0,
      lease_expires_at timestamptz,
      last_error text,
      traceparent text,
      primary key (job_id, kind)
    )`.execute(db);
  await sql`create index task_due on task (due_at)`.execute(db);
}
