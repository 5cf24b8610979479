import { newId } from "@gradients/kernel";
import { testInvariants } from "@gradients/testkit/invariant-suite";
import { invariants } from "./invariants.ts";
import { migrations } from "./migrations/index.ts";

/** A young id, quoted. */
const id = () => `'${newId()}'`;
const one = id();
const two = id();

const attempt = (state: string, changes: Readonly<Record<string, string>> = {}) => {
  const row = {
    attempt_id: one,
    job_id: two,
    kind: "'train'",
    state: `'${state}'`,
    epoch: "0",
    hardware_class: "'local'",
    queued_since: "now()",
    not_before: "now()",
    work: "'{}'",
    created_at: "now()",
    ...changes,
  };
  return `insert into attempt (${Object.keys(row).join(", ")}) values (${Object.values(row).join(", ")})`;
};
const job = (state: string) => `insert into job (job_id, state, deadline) values (${two}, '${state}', now())`;
const leased = { lease_expires_at: "now()" };

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
  "lease-long-over": [attempt("running", { lease_expires_at: "now() - interval '3 minutes'" })],
  "timer-long-due": [
    `insert into timer values ('job_deadline', ${two}, ${two}, now() - interval '3 minutes')`,
  ],
  "lease-of-placed-attempts-only": [attempt("running")],
  "ended-attempt-is-whole": [attempt("succeeded", { finished_at: "now()" })],
  "losses-within-epoch": [attempt("queued", { losses: "0", lost_epochs: "'{0}'", epoch: "1" })],
  "open-attempt-of-closed-job": [job("closed"), attempt("queued")],
  "race-without-runners": [job("racing"), attempt("failed")],
  "race-without-deadline": [job("racing")],
  "running-without-deadline": [attempt("running", leased)],
  "upload-ahead-of-epoch": [
    attempt("queued"),
    `insert into attempt_token (attempt_id, epoch, token_sha256) values (${one}, 1, '')`,
  ],
  "result-of-own-epoch": [
    attempt("succeeded", {
      epoch: "1",
      result: `'{"kind": "trained", "artifact": [{"object": {"key": "jobs/j/attempts/a/artifact/0/f"}}]}'`,
    }),
  ],
  "one-ending-event-per-attempt": [job("racing"), attempt("failed")],
  "one-event-per-race": [job("raced")],
};

testInvariants({ schema: "scheduler", migrations, invariants, violations });
