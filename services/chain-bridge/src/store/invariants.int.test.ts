import { checkInvariants, createDatabase, ensureSchema, migrate } from "@gradients/db";
import { newId } from "@gradients/kernel";
import { createLogger } from "@gradients/runtime";
import { createTestDatabase, plantRows } from "@gradients/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { invariants } from "./invariants.ts";
import { migrations } from "./migrations/index.ts";

const cleanup = new AsyncDisposableStack();
let adminUrl: string;
let db: ReturnType<typeof createDatabase<unknown>>;
const window = { windowHours: 24 };

beforeAll(async () => {
  const database = cleanup.use(await createTestDatabase());
  adminUrl = database.url;
  const role = { schema: "chain_bridge", role: `role_${database.name}`, password: "p" };
  const options = {
    url: await ensureSchema(adminUrl, role),
    schema: "chain_bridge",
    applicationName: "test",
    poolSize: 2,
  };
  db = createDatabase<unknown>(options, createLogger({ service: "test", level: "silent" }));
  cleanup.defer(() => db.close());
  await migrate(db, migrations);
});
afterAll(() => cleanup.disposeAsync());

/** A young id, quoted. */
const id = () => `'${newId()}'`;
const one = id();
const two = id();

const reward = `
  insert into reward (reward_id, genesis_hash, netuid, mecid, epoch, block_number, block_hash, uid, hotkey, coldkey, destination_hotkey, amount_rao, status)
  values (${one}, 'g', 1, 0, 1, 5, 'b', 1, 'h', 'c', 'd', 7, 'paid')`;
const booked = `insert into ledger_transaction (transaction_id, kind, reward_id) values (${two}, 'reward', ${one})`;
const cursor =
  "insert into chain_cursor (genesis_hash, netuid, block_number, block_hash) values ('g', 1, 9, 'b')";
const submission = (state: string, block = "null") => `
  insert into weight_submission (submission_id, genesis_hash, netuid, mecid, validator_hotkey, validator_uid, epoch, state, weights_version, window_start,
    window_end, pinned_block, pinned_hash, inputs, weights, job_ids, signed_bytes, extrinsic_hash, nonce, last_valid_block, block_number)
  values (${id()}, 'g', 1, 0, 'v', 1, 1, '${state}', 1, now(), now(), 1, 'p', '{}', '[]', '{}', '', ${id()}, 1, 8, ${block})`;

const violations: Readonly<Record<string, readonly string[]>> = {
  "outbox-order": [
    `insert into outbox (event_id, type, subject, headers, payload, created_at, published_at) values
      (${id()}, 't', 's', '{"ce-subject": "a"}', '', now() - interval '2 minutes', null),
      (${id()}, 't', 's', '{"ce-subject": "a"}', '', now() - interval '2 minutes', now() - interval '2 minutes')`,
  ],
  "dead-letter-of-handled-event": [
    `insert into inbox (consumer, event_id) values ('c', ${one})`,
    `insert into dead_letter values (${id()}, 'c', ${one}, 't', 's', '{}', '', 'e', 1, now(), null)`,
  ],
  "points-of-job-sum-to-one": [
    `insert into scored_job (job_id, scored_at, unallocated_micro_points) values (${one}, now(), 999999)`,
  ],
  "ledger-transaction-sums-to-zero": [booked, `insert into ledger_entry values (${two}, 'a', 7)`],
  "reward-is-booked-once": [reward],
  "reward-within-cursor": [reward],
  "one-event-per-paid-reward": [reward],
  "submission-past-its-era": [cursor, submission("submitted")],
  "finalized-within-cursor": [cursor, submission("finalized", "10")],
  // Last, as it needs the guard against it gone.
  "one-open-submission": [
    "drop index weight_submission_open",
    submission("intended"),
    submission("submitted"),
  ],
};

test("every invariant has a violation to be found, and none is found in an empty schema", async () => {
  expect(Object.keys(violations).toSorted()).toEqual(invariants.map(({ id }) => id).toSorted());
  await plantRows(adminUrl, "chain_bridge", []);
  expect(await checkInvariants(db, invariants, window)).toEqual([]);
});

test.each(Object.entries(violations))("%s is found when it is violated", async (id, statements) => {
  await plantRows(adminUrl, "chain_bridge", statements);
  const found = await checkInvariants(db, invariants, window);
  expect(found.map(({ invariant }) => invariant.id)).toContain(id);
});
