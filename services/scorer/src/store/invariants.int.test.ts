import { newId } from "@gradients/kernel";
import { testInvariants } from "@gradients/testkit/invariant-suite";
import { invariants } from "./invariants.ts";
import { migrations } from "./migrations/index.ts";

/** A young id, quoted. */
const id = () => `'${newId()}'`;
const one = id();

const job = (state: string, deadline = "1 hour") =>
  `insert into job values (${one}, '${state}', '{}', '', now() + interval '${deadline}', null)`;
const task = (kind: string) => `insert into task (kind, job_id, due_at) values ('${kind}', ${one}, now())`;
const evaluation = (result: string) =>
  `insert into evaluation values (${id()}, ${one}, 'attempt', 0, ${result})`;
const split = `insert into split values (${one}, '{}', '{}', 1, '[]', '[]', '', '{}', '{}')`;

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
  "open-job-past-deadline": [job("racing", "-3 minutes")],
  "open-job-without-deadline-task": [job("racing")],
  "splitting-or-judging-without-task": [job("judging"), task("split")],
  "task-of-ended-job": [job("failed"), task("deadline")],
  "racing-without-split": [job("evaluating")],
  "evaluations-in-but-not-judging": [job("evaluating"), evaluation("'{}'")],
  "two-evaluations-of-one-subject": [job("racing"), evaluation("null"), evaluation("null")],
  "verdict-of-scored-jobs-only": [job("scored")],
  "one-ending-event-per-job": [job("scored")],
  "one-event-per-split": [job("racing"), split],
  "one-request-per-evaluation": [job("evaluating"), evaluation("null")],
};

testInvariants({ schema: "scorer", migrations, invariants, violations });
