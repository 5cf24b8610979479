import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";

/** Block numbers begin anew on another chain, so that vectors and rewards are matched within one. */
export const paymentsByChain: Migration = {
  async up(db: Kysely<unknown>) {
    for (const statement of statements) await sql.raw(statement).execute(db);
  },
};

const statements = [
  "alter table weight_vector add column genesis_hash text not null default ''",
  "alter table reward add column genesis_hash text not null default ''",
  "drop index weight_vector_by_block",
  "create index weight_vector_by_block on weight_vector (genesis_hash, block_number)",
  "drop index reward_by_hotkey",
  "create index reward_by_hotkey on reward (hotkey, genesis_hash, block_number)",
];
