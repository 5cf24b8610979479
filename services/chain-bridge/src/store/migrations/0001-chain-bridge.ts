import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

export const chainBridge0001: Migration = {
  up: async (db) => {
    await createPoints(db);
    await createSubmissions(db);
    await createRewards(db);
    await createLedger(db);
  },
};

async function createPoints(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table scored_job (
      job_id uuid primary key,
      scored_at timestamptz not null,
      unallocated_micro_points bigint not null check (unallocated_micro_points >= 0)
    )`.execute(db);
  await sql`create index scored_job_scored_at on scored_job (scored_at)`.execute(db);
  await sql`
    create table points (
      job_id uuid not null references scored_job,
      hotkey text not null,
      attempt_id uuid not null,
      micro_points bigint not null check (micro_points > 0),
      primary key (job_id, hotkey)
    )`.execute(db);
}

async function createSubmissions(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table chain_cursor (
      genesis_hash text not null,
      netuid integer not null,
      block_number bigint not null,
      block_hash text not null,
      updated_at timestamptz not null default now(),
      primary key (genesis_hash, netuid)
    )`.execute(db);
  await sql`
    create table weight_submission (
      submission_id uuid primary key,
      genesis_hash text not null,
      netuid integer not null,
      mecid integer not null,
      validator_hotkey text not null,
      validator_uid integer not null,
      epoch bigint not null,
      state text not null check (state in ('intended', 'submitted', 'finalized', 'failed')),
      weights_version integer not null,
      window_start timestamptz not null,
      window_end timestamptz not null,
      pinned_block bigint not null,
      pinned_hash text not null,
      inputs jsonb not null,
      weights jsonb not null,
      job_ids uuid[] not null,
      signed_bytes bytea not null,
      extrinsic_hash text not null unique,
      nonce bigint not null,
      last_valid_block bigint not null,
      submit_attempts integer not null default 0,
      last_attempt_block bigint,
      problem text,
      problem_detail text not null default '',
      block_number bigint,
      block_hash text,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      check ((state = 'finalized') = (block_number is not null and problem is null)),
      check ((state = 'failed') = (problem is not null))
    )`.execute(db);
  // At most one open submission for each hotkey, subnet and mechanism, whatever a second process does.
  await sql`
    create unique index weight_submission_open on weight_submission (genesis_hash, netuid, mecid, validator_hotkey)
    where state in ('intended', 'submitted')`.execute(db);
  await sql`create index weight_submission_newest on weight_submission (genesis_hash, netuid, created_at desc)`.execute(
    db,
  );
}

async function createRewards(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table reward (
      reward_id uuid primary key,
      genesis_hash text not null,
      netuid integer not null,
      mecid integer not null,
      epoch bigint not null,
      block_number bigint not null,
      block_hash text not null,
      uid integer not null,
      hotkey text not null,
      coldkey text not null,
      destination_hotkey text not null,
      amount_rao bigint not null check (amount_rao > 0),
      status text not null check (status in ('paid', 'withheld')),
      created_at timestamptz not null default now(),
      unique (genesis_hash, netuid, mecid, block_number, uid)
    )`.execute(db);
  await sql`create index reward_by_hotkey on reward (genesis_hash, netuid, hotkey, block_number desc)`.execute(
    db,
  );
}

async function createLedger(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table ledger_transaction (
      transaction_id uuid primary key,
      kind text not null check (kind in ('reward')),
      reward_id uuid not null unique references reward,
      created_at timestamptz not null default now()
    )`.execute(db);
  await sql`
    create table ledger_entry (
      transaction_id uuid not null references ledger_transaction,
      account text not null,
      amount_rao bigint not null check (amount_rao <> 0),
      primary key (transaction_id, account)
    )`.execute(db);
  await sql`create index ledger_entry_account on ledger_entry (account)`.execute(db);
  await sql`
    create function ledger_balances() returns trigger language plpgsql as $$
    begin
      if (select sum(amount_rao) from ledger_entry where transaction_id = new.transaction_id) <> 0 then
        raise exception 'ledger transaction % does not sum to zero', new.transaction_id;
      end if;
      return null;
    end $$`.execute(db);
  await sql`
    create constraint trigger ledger_balances after insert or update on ledger_entry
    deferrable initially deferred for each row execute function ledger_balances()`.execute(db);
}
