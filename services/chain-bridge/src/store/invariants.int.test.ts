import { newId } from "@gradients/kernel";
import { testInvariants } from "@gradients/testkit/invariant-suite";
import { invariants } from "./invariants.ts";
import { migrations } from "./migrations/index.ts";

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

testInvariants({ schema: "chain_bridge", migrations, invariants, violations });
