import { createLogger, type Logger } from "@gradients/runtime";
import { createTestDatabase } from "@gradients/testkit";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createDatabase, type Database } from "./database.ts";
import { checkInvariants, createInvariantChecker, type Invariant } from "./invariants.ts";

const cleanup = new AsyncDisposableStack();
const logger = createLogger({ service: "test", level: "silent" });
const rules = { everySeconds: 0.01, windowHours: 1 };
let db: Database<unknown>;

beforeAll(async () => {
  const database = cleanup.use(await createTestDatabase());
  const options = { url: database.url, schema: "public", applicationName: "test", poolSize: 2 };
  db = createDatabase<unknown>(options, logger);
  cleanup.defer(() => db.close());
});
afterAll(() => cleanup.disposeAsync());

test("rows that violate one are told, the first twenty of them, and what holds is not", async () => {
  const violations = await checkInvariants(
    db,
    [
      invariant("holds", "select 1 where false"),
      invariant("broken", "select n from generate_series(1, 100) as n"),
    ],
    rules,
  );
  expect(violations.map(({ invariant: { id }, rows }) => [id, rows.length, rows[0]])).toEqual([
    ["broken", 20, { n: 1 }],
  ]);
});

test("a check changes nothing, has a time limit, and sees how far back it may look", async () => {
  await expect(
    checkInvariants(db, [invariant("writes", "select pg_notify('a', nextval('s')::text)")], rules),
  ).rejects.toThrow();
  const [violation] = await checkInvariants(
    db,
    [
      invariant(
        "settings",
        "select current_setting('gradients.window') as span, current_setting('statement_timeout') as limit, current_setting('transaction_read_only') as calm",
      ),
    ],
    rules,
  );
  expect(violation?.rows).toEqual([{ span: "1 hours", limit: "4s", calm: "on" }]);
});

test("the part checks again and again, and one that cannot be checked hides no other", async () => {
  const error = vi.fn();
  const warn = vi.fn();
  const stop = new AbortController();
  const checked = [invariant("unreadable", "select nothing"), invariant("broken", "select 1 as n")];
  const loud = { ...logger, error, warn } as unknown as Logger;
  const part = createInvariantChecker({ db, logger: loud, service: "test", invariants: checked, rules });
  const running = part.run?.(stop.signal);
  await vi.waitFor(() => expect(error.mock.calls.length).toBeGreaterThan(1), 5_000);
  stop.abort();
  await running;
  expect(error.mock.lastCall).toEqual([
    { invariant: "broken", text: "broken", rows: [{ n: 1 }] },
    "invariant violated",
  ]);
  expect(warn.mock.lastCall?.[0]).toMatchObject({ invariant: "unreadable" });
});

function invariant(id: string, sql: string): Invariant {
  return { id, text: id, sql };
}
