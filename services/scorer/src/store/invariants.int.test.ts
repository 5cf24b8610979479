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
  const role = { schema: "scorer", role: `role_${database.name}`, password: "p" };
  const options = {
    url: await ensureSchema(adminUrl, role),
    schema: "scorer",
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

test("every invariant has a violation to be found, and none is found in an empty schema", async () => {
  expect(Object.keys(violations).toSorted()).toEqual(invariants.map(({ id }) => id).toSorted());
  await plantRows(adminUrl, "scorer", []);
  expect(await checkInvariants(db, invariants, window)).toEqual([]);
});

test.each(Object.entries(violations))("%s is found when it is violated", async (id, statements) => {
  await plantRows(adminUrl, "scorer", statements);
  const found = await checkInvariants(db, invariants, window);
  expect(found.map(({ invariant }) => invariant.id)).toContain(id);
});
