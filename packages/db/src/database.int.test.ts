import { setTimeout as sleep } from "node:timers/promises";
import { createLogger } from "@gradients/runtime";
import { createTestDatabase, type TestDatabase } from "@gradients/testkit";
import { type Generated, type Kysely, sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtOnce } from "./built-once.ts";
import { createDatabase, type Database } from "./database.ts";
import { ensureSchema } from "./ensure-schema.ts";
import { isOutage, isUniqueViolation } from "./errors.ts";
import { migrate } from "./migrate.ts";

interface Tables {
  account: {
    id: Generated<bigint>;
    name: string;
    balance: bigint;
    opened_at: Generated<Date>;
    notes: object | null;
  };
}

const logger = createLogger({ service: "test", level: "silent" });
const up = async (kysely: { schema: unknown }) =>
  void (await sql`
    create table account (id bigint generated always as identity primary key, name text not null unique,
      balance bigint not null, opened_at timestamptz not null default now(), notes jsonb)`.execute(
    kysely as never,
  ));
let server: TestDatabase;
let url: string;
let db: Database<Tables>;

beforeAll(async () => {
  server = await createTestDatabase();
  url = await ensureSchema(server.url, { schema: "bank", role: "bank_role", password: "p@ss/word" });
  db = open(url);
  await migrate(db, { "0001-account": { up } });
});

afterAll(async () => {
  await db.close();
  await server.drop();
});

describe("values", () => {
  test("int8 is read as bigint, int8[] as bigints, timestamptz as Date, jsonb parsed", async () => {
    const row = await db.q
      .insertInto("account")
      .values({ name: "values", balance: 9_007_199_254_740_993n, notes: JSON.stringify({ a: [1] }) as never })
      .returning(["balance", "opened_at", "notes", sql<bigint[]>`array[1, 2]::bigint[]`.as("list")])
      .executeTakeFirstOrThrow();
    expect(row).toEqual({
      balance: 9_007_199_254_740_993n,
      opened_at: expect.any(Date) as Date,
      notes: { a: [1] },
      list: [1n, 2n],
    });
  });

  test("another pool of the process keeps pg's own types", async () => {
    const { Pool } = await import("pg");
    const pool = new Pool({ connectionString: url });
    expect((await pool.query("select 1::bigint as n")).rows).toEqual([{ n: "1" }]);
    await pool.end();
  });
});

describe("tx", () => {
  test("knows the database's time of its start", async () => {
    await db.tx(async (tx) => {
      const { rows } = await sql<{ now: Date }>`select now() as now, pg_sleep(0.01)`.execute(tx);
      expect(tx.now).toEqual(rows[0]?.now);
    });
  });

  test("rolls back when the function throws, with the error as it was", async () => {
    const error = new Error("no");
    const failing = db.tx(async (tx) => {
      await tx.insertInto("account").values({ name: "ghost", balance: 0n }).execute();
      throw error;
    });
    await expect(failing).rejects.toBe(error);
    expect(await db.q.selectFrom("account").select("id").where("name", "=", "ghost").execute()).toEqual([]);
  });

  test("runs again after a deadlock, so both transactions commit", async () => {
    await db.q
      .insertInto("account")
      .values([
        { name: "left", balance: 0n },
        { name: "right", balance: 0n },
      ])
      .execute();
    const [leftHeld, rightHeld] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let runs = 0;
    const transfer = (
      first: string,
      second: string,
      held: PromiseWithResolvers<void>,
      other: Promise<void>,
    ) =>
      db.tx(async (tx) => {
        runs++;
        const add = (name: string) =>
          tx.updateTable("account").set({ balance: sql`balance + 1` }).where("name", "=", name).execute();
        await sql`set local lock_timeout = '10s'`.execute(tx);
        await add(first);
        held.resolve();
        await other;
        await add(second);
      });
    await Promise.all([
      transfer("left", "right", leftHeld, rightHeld.promise),
      transfer("right", "left", rightHeld, leftHeld.promise),
    ]);
    expect(runs).toBe(3);
    const rows = await db.q
      .selectFrom("account")
      .select(["name", "balance"])
      .where("name", "in", ["left", "right"])
      .orderBy("name")
      .execute();
    expect(rows).toEqual([
      { name: "left", balance: 2n },
      { name: "right", balance: 2n },
    ]);
  });
});

describe("a lock that stays taken", () => {
  test("a transaction waits for it longer than one lock_timeout", async () => {
    const holder = await db.openClient("holder");
    await holder.query("begin; lock table account in access exclusive mode");
    const release = sleep(1_500).then(() => holder.query("commit"));
    await db.tx((tx) => tx.selectFrom("account").select("name").execute());
    await release;
    await holder.end();
  });

  test("a single statement tells of an outage", async () => {
    const holder = await db.openClient("holder");
    await holder.query("begin; lock table account in access exclusive mode");
    await expect(db.q.selectFrom("account").select("name").execute()).rejects.toSatisfy(isOutage);
    await holder.end();
  });
});

describe("prepared statements", () => {
  const asked = (one: Database<Tables>, times: number) =>
    Promise.all(
      Array.from({ length: times }, (_, id) =>
        one.q.selectFrom("account").select("name").where("id", "=", BigInt(id)).execute(),
      ),
    );

  test("a statement that is run often is prepared", async () => {
    const one = open(url, 1);
    const prepared = async () =>
      (
        await sql<{ statement: string }>`select statement from pg_prepared_statements`.execute(one.q)
      ).rows.map(({ statement }) => statement);
    await asked(one, 4);
    expect(await prepared()).toEqual([]);
    await asked(one, 1);
    expect(await prepared()).toEqual(['select "name" from "account" where "id" = $1']);
    await one.close();
  });

  test("a migration that changes what it returns is not noticed, inside a transaction or outside", async () => {
    const one = open(url, 1);
    await sql`create table shape (id int, a int); insert into shape values (1, 7)`.execute(one.q);
    const outside = () => sql`select a from shape where id = ${1}`.execute(one.q);
    const inside = () => one.tx((tx) => sql`select id, a from shape where id = ${1}`.execute(tx));
    for (let times = 0; times < 6; times += 1) await Promise.all([outside(), inside()]);
    await sql`alter table shape alter a type text`.execute(one.q);
    expect((await outside()).rows).toEqual([{ a: "7" }]);
    expect((await inside()).rows).toEqual([{ id: 1, a: "7" }]);
    await one.close();
  });
});

describe("limits", () => {
  test("the pool's connections carry time-outs, name and search path", async () => {
    const settings = [
      "application_name",
      "statement_timeout",
      "lock_timeout",
      "idle_in_transaction_session_timeout",
      "search_path",
      "plan_cache_mode",
      "enable_bitmapscan",
    ];
    const shown = await Promise.all(
      settings.map((name) => sql<Record<string, string>>`show ${sql.raw(name)}`.execute(db.q)),
    );
    expect(shown.map(({ rows }) => Object.values(rows[0] ?? {})[0])).toEqual([
      "bank test",
      "5s",
      "1s",
      "10s",
      "bank",
      "force_custom_plan",
      "off",
    ]);
  });

  test("a role reaches no other schema", async () => {
    const otherUrl = await ensureSchema(server.url, {
      schema: "stranger",
      role: "stranger_role",
      password: "x",
    });
    const other = createDatabase<Tables>(
      { url: otherUrl, schema: "stranger", applicationName: "stranger", poolSize: 1 },
      logger,
    );
    await expect(sql`select 1 from bank.account`.execute(other.q)).rejects.toMatchObject({
      message: "permission denied for schema bank",
    });
    await other.close();
  });
});

describe("errors", () => {
  test("a unique violation is told apart by its constraint", async () => {
    const insert = () => db.q.insertInto("account").values({ name: "twice", balance: 0n }).execute();
    await insert();
    const error: unknown = await insert().catch((caught: unknown) => caught);
    expect(isUniqueViolation(error)).toBe(true);
    expect(isUniqueViolation(error, "account_name_key")).toBe(true);
    expect(isUniqueViolation(error, "account_pkey")).toBe(false);
    expect(isOutage(error)).toBe(false);
  });

  test("a server that is not there, and a session that was ended, count as an outage", async () => {
    const nowhere = open("postgres://a:b@127.0.0.1:1/x");
    await expect(nowhere.tx(async () => {})).rejects.toSatisfy(isOutage);
    await nowhere.close();
    await expect(
      db.tx((tx) => sql`select pg_terminate_backend(pg_backend_pid())`.execute(tx)),
    ).rejects.toSatisfy(isOutage);
    expect(await db.tx(async () => "and the pool goes on")).toBe("and the pool goes on");
  });
});

function open(address: string, poolSize = 4): Database<Tables> {
  return createDatabase<Tables>(
    { url: address, schema: "bank", applicationName: "bank test", poolSize },
    logger,
  );
}

describe("a query that is built once", () => {
  test("runs with each call's own values, in the pool and in transactions, and is built no second time", async () => {
    const one = open(url, 2);
    await one.q
      .insertInto("account")
      .values(["ann", "bob"].map((name) => ({ name, balance: 3n })))
      .execute();
    let builds = 0;
    const named = builtOnce((q: Kysely<Tables>, balance: bigint, name: string) => {
      builds += 1;
      return q
        .selectFrom("account")
        .select(["name", sql<string>`${name}::text || '!'`.as("called")])
        .where("name", "=", name)
        .where("balance", "=", balance)
        .limit(5);
    });
    const asked = [named(one.q, 3n, "ann"), one.tx((tx) => named(tx, 3n, "bob")), named(one.q, 4n, "bob")];
    expect(await Promise.all(asked)).toEqual([
      [{ name: "ann", called: "ann!" }],
      [{ name: "bob", called: "bob!" }],
      [],
    ]);
    expect(builds).toBe(1);
    await one.close();
  });
});
