import { createLogger } from "@gradients/runtime";
import { createTestDatabase, type TestDatabase } from "@gradients/testkit";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withAdvisoryLock } from "./advisory-lock.ts";
import { createDatabase, type Database } from "./database.ts";
import { ensureSchema } from "./ensure-schema.ts";

const logger = createLogger({ service: "test", level: "silent" });
let server: TestDatabase;
let url: string;
let db: Database<unknown>;

beforeAll(async () => {
  server = await createTestDatabase();
  url = await ensureSchema(server.url, { schema: "sessions", role: "sessions_role", password: "p" });
  db = open();
});

afterAll(async () => {
  await db.close();
  await server.drop();
});

describe("listen", () => {
  const tell = (from: Database<unknown>, payload: string) =>
    from.tx(async (tx) => tx.notifyAfterCommit("news", payload));

  test("hears what others committed, says when it may have missed something, and survives a lost connection", async () => {
    const other = open();
    const stop = new AbortController();
    const heard = recordedCalls<string>();
    const listening = db.listen("news", heard.call, stop.signal);
    expect(await heard.next()).toBe("");
    await tell(other, "first one");
    expect(await heard.next()).toBe("first one");
    const failing = other.tx(async (tx) => {
      tx.notifyAfterCommit("news", "never");
      throw new Error("rolled back");
    });
    await expect(failing).rejects.toThrow("rolled back");
    await killSessions("sessions listen");
    expect(await heard.next()).toBe("");
    await tell(other, "second");
    expect(await heard.next()).toBe("second");
    stop.abort();
    await listening;
    await expect.poll(() => sessions("sessions listen")).toBe(0);
    await other.close();
  });

  test("hears its own process at once, and each thing once", async () => {
    const other = open();
    const stop = new AbortController();
    const [heard, heardElsewhere] = [recordedCalls<string>(), recordedCalls<string>()];
    const listening = [
      db.listen("news", heard.call, stop.signal),
      other.listen("news", heardElsewhere.call, stop.signal),
    ];
    expect([await heard.next(), await heardElsewhere.next()]).toEqual(["", ""]);
    await db.tx(async (tx) => tx.notifyAfterCommit("other_news", "of no concern"));
    await tell(db, "mine");
    expect(heard.values).toEqual(["mine"]);
    expect(await heardElsewhere.next()).toBe("mine"); // so what the server tells here was told before the next one
    await tell(other, "theirs");
    expect([await heard.next(), await heard.next()]).toEqual(["mine", "theirs"]);
    stop.abort();
    await Promise.all(listening);
    await other.close();
  });
});

describe("withAdvisoryLock", () => {
  test("is held by one at a time and passed on when its holder ends", async () => {
    const log: string[] = [];
    const hold = (name: string) =>
      withAdvisoryLock(db, "one", new AbortController().signal, async () => {
        log.push(`${name} in`);
        await sql`select pg_sleep(0.02)`.execute(db.q);
        log.push(`${name} out`);
      });
    await Promise.all([hold("a"), hold("b"), hold("c")]);
    expect(log.map((entry) => entry.split(" ")[1])).toEqual(["in", "out", "in", "out", "in", "out"]);
  });

  test("a holder that lost its connection is told, and the next one gets the lock", async () => {
    const told = Promise.withResolvers<void>();
    const first = withAdvisoryLock(db, "lost", new AbortController().signal, async (held) => {
      setTimeout(() => void killSessions("sessions lock lost"), 20);
      await new Promise((resolve) => held.addEventListener("abort", resolve));
      told.resolve();
    });
    await expect(first).rejects.toThrow("advisory lock is lost");
    await told.promise;
    let ran = false;
    await withAdvisoryLock(db, "lost", new AbortController().signal, async () => void (ran = true));
    expect(ran).toBe(true);
  });

  test("one that waits leaves when its signal aborts, without having run", async () => {
    const stop = new AbortController();
    const release = Promise.withResolvers<void>();
    const inside = Promise.withResolvers<void>();
    const holder = withAdvisoryLock(db, "busy", new AbortController().signal, async () => {
      inside.resolve();
      await release.promise;
    });
    await inside.promise;
    const waiter = withAdvisoryLock(db, "busy", stop.signal, () => Promise.reject(new Error("ran")));
    setTimeout(() => stop.abort(), 20);
    await waiter;
    release.resolve();
    await holder;
    await expect.poll(() => sessions("sessions lock busy")).toBe(0);
  });
});

function open(): Database<unknown> {
  return createDatabase<unknown>(
    { url, schema: "sessions", applicationName: "sessions", poolSize: 4 },
    logger,
  );
}

async function killSessions(name: string): Promise<void> {
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where application_name = ${name} and datname = current_database()`.execute(
    db.q,
  );
}

/** Number of open sessions. One that was ended is there for a moment yet. */
async function sessions(name: string): Promise<number> {
  const { rows } =
    await sql`select pid from pg_stat_activity where application_name = ${name} and datname = current_database()`.execute(
      db.q,
    );
  return rows.length;
}

function recordedCalls<T>() {
  const values: T[] = [];
  const waiting: ((value: T) => void)[] = [];
  const call = (value: T) => {
    const next = waiting.shift();
    if (next) next(value);
    else values.push(value);
  };
  const next = () =>
    values.length > 0
      ? Promise.resolve(values.shift() as T)
      : new Promise<T>((resolve) => waiting.push(resolve));
  return { call, next, values };
}
