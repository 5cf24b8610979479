import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

export const tables: Migration = {
  async up(db: Kysely<unknown>) {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};

const statements = [
  `create table project (
    project_id uuid primary key,
    display_name text not null,
    created_at timestamptz not null
  )`,
  `create table api_key (
    key_id uuid primary key,
    project_id uuid not null references project,
    display_name text not null,
    prefix text not null unique,
    secret_sha256 bytea not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    revoked_at timestamptz
  )`,
  "create index api_key_by_project on api_key (project_id, key_id desc)",
  `create table model (
    model_id text primary key,
    display_name text not null,
    license text not null,
    digest text not null,
    ref bytea not null,
    context_length integer not null,
    parameter_count bigint not null,
    size_bytes bigint not null,
    created_at timestamptz not null
  )`,
  `create table upload (
    dataset_id uuid primary key,
    expires_at timestamptz not null
  )`,
  `create table dataset (
    dataset_id uuid primary key,
    project_id uuid not null references project,
    file_name text not null,
    format text not null,
    state text not null,
    object_key text not null,
    object_size bigint not null,
    object_sha256 text not null,
    chosen_mapping jsonb,
    model_id text not null references model,
    report bytea,
    usable_rows bigint,
    attribution text not null,
    created_at timestamptz not null
  )`,
  "create index dataset_by_project on dataset (project_id, dataset_id desc)",
  `create table dataset_check (
    dataset_id uuid primary key references dataset,
    due_at timestamptz not null,
    lease_id uuid,
    tries integer not null
  )`,
  "create index dataset_check_due on dataset_check (due_at)",
  `create table job (
    job_id uuid primary key,
    project_id uuid not null references project,
    display_name text not null,
    model_id text not null references model,
    dataset_id uuid not null references dataset,
    contestants integer not null,
    recipe_ids text[] not null,
    budget_seconds integer not null,
    hardware_class text not null,
    max_length integer not null,
    state text not null,
    train_rows integer not null,
    heldout_rows integer not null,
    heldout_commitment text not null,
    verdict bytea,
    failure bytea,
    created_at timestamptz not null,
    started_at timestamptz,
    ended_at timestamptz,
    event_offset bigint not null,
    payments jsonb not null
  )`,
  "create index job_by_project on job (project_id, job_id desc)",
  `create table attempt (
    attempt_id uuid primary key,
    job_id uuid not null references job,
    position integer not null,
    recipe_id text not null,
    recipe_title text not null,
    contestant_hotkey text not null,
    state text not null,
    epoch integer not null,
    phase text not null,
    latest bytea,
    finished bytea,
    failure bytea,
    started_at timestamptz,
    ended_at timestamptz
  )`,
  "create index attempt_by_job on attempt (job_id, position)",
  `create table curve (
    job_id uuid not null references job,
    curve_id uuid not null,
    epoch integer not null,
    phase text not null,
    sent_at timestamptz not null,
    last_step bigint not null,
    last_kept double precision not null,
    kept_points integer not null,
    primary key (job_id, curve_id)
  )`,
  `create table job_event (
    job_id uuid not null references job,
    event_offset bigint not null,
    payload bytea not null,
    primary key (job_id, event_offset)
  )`,
  `create table weight_vector (
    submission_id text primary key,
    epoch bigint not null,
    block_number bigint not null
  )`,
  "create index weight_vector_by_block on weight_vector (block_number)",
  `create table weight_vector_job (
    submission_id text not null references weight_vector,
    job_id uuid not null,
    primary key (submission_id, job_id)
  )`,
  "create index weight_vector_job_by_job on weight_vector_job (job_id)",
  `create table reward (
    reward_id text primary key,
    epoch bigint not null,
    hotkey text not null,
    amount_rao numeric(39) not null,
    block_number bigint not null
  )`,
  "create index reward_by_hotkey on reward (hotkey, block_number)",
  `create table answered_request (
    project_id uuid not null references project,
    method text not null,
    request_id text not null,
    body_sha256 bytea not null,
    response bytea not null,
    created_at timestamptz not null,
    primary key (project_id, method, request_id)
  )`,
  "create index answered_request_by_age on answered_request (created_at)",
];
