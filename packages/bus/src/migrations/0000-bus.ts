import { type Kysely, sql } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table outbox (
      id bigint generated always as identity primary key,
      event_id uuid not null unique,
      type text not null,
      subject text not null,
      headers jsonb not null,
      payload bytea not null,
      created_at timestamptz not null default now(),
      published_at timestamptz
    )`.execute(db);
  await sql`create index outbox_unpublished on outbox (id) where published_at is null`.execute(db);
  await sql`create index outbox_published on outbox (published_at) where published_at is not null`.execute(
    db,
  );
  await sql`create table outbox_stream (stream text primary key, created text not null)`.execute(db);
  await sql`
    create table inbox (
      consumer text not null,
      event_id uuid not null,
      received_at timestamptz not null default now(),
      primary key (consumer, event_id)
    )`.execute(db);
  await sql`create index inbox_received on inbox (received_at)`.execute(db);
  await sql`
    create table dead_letter (
      id uuid primary key,
      consumer text not null,
      event_id uuid not null,
      type text not null,
      subject text not null,
      headers jsonb not null,
      payload bytea not null,
      error text not null,
      deliveries integer not null,
      failed_at timestamptz not null,
      replayed_at timestamptz,
      unique (consumer, event_id)
    )`.execute(db);
}
