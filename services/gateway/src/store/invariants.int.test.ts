import { newId } from "@gradients/kernel";
import { testInvariants } from "@gradients/testkit/invariant-suite";
import { invariants } from "./invariants.ts";
import { migrations } from "./migrations/index.ts";

/** A young id, quoted. */
const id = () => `'${newId()}'`;
const one = id();
const two = id();

const job = (state: string, offset = 0, endedAt = "null", payments = "[]") => `
  insert into job (job_id, project_id, display_name, model_id, dataset_id, contestants, recipe_ids, budget_seconds, hardware_class, max_length, state,
    train_rows, heldout_rows, heldout_commitment, created_at, ended_at, event_offset, payments)
  values (${one}, ${two}, '', '', ${two}, 1, '{}', 1, '', 1, '${state}', 0, 0, '', now(), ${endedAt}, ${offset}, '${payments}')`;
const dataset = (state: string) => `
  insert into dataset (dataset_id, project_id, file_name, format, state, object_key, object_size, object_sha256, model_id, attribution, created_at)
  values (${one}, ${two}, '', '', '${state}', '', 0, '', '', '', now())`;
const upload = (expires: string) => `insert into upload values (${one}, now() + interval '${expires}')`;

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
  "one-acceptance-per-job": [job("racing")],
  "log-without-gaps": [job("racing", 2), `insert into job_event values (${one}, 1, ''), (${one}, 3, '')`],
  "ended-job-is-whole": [job("succeeded", 0, "now()")],
  "attempt-outlives-job": [
    job("succeeded", 0, "now() - interval '11 minutes'"),
    `insert into attempt (attempt_id, job_id, position, recipe_id, recipe_title, contestant_hotkey, state, epoch, phase)
      values (${id()}, ${one}, 0, '', '', '', 'running', 0, '')`,
  ],
  "paid-within-rewards": [job("succeeded", 0, "now()", '[{"hotkey": "h", "amount_rao": "1"}]')],
  "checking-without-check": [dataset("checking")],
  "upload-of-data-set": [dataset("ready"), upload("1 hour")],
  "upload-long-expired": [upload("-2 hours")],
};

testInvariants({ schema: "gateway", migrations, invariants, violations });
