import { createLogger } from "@gradients/runtime";
import { createTestDatabase, type TestDatabase } from "@gradients/testkit";
import { type Kysely, sql } from "kysely";
import type { Migration } from "kysely/migration";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDatabase, type Database } from "./database.ts";
import { ensureSchema } from "./ensure-schema.ts";
import { migrate } from "./migrate.ts";

const logger = createLogger({ service: "test", level: "silent" });
const databases: Database<unknown>[] = [];
let server: TestDatabase;
let other: TestDatabase;

beforeAll(async () => {
  [server, other] = await Promise.all([createTestDatabase(), createTestDatabase()]);
});

afterAll(async () => {
  await Promise.all(databases.map((db) => db.close()));
  await Promise.all([server.drop(), other.drop()]);
});

describe("ensureSchema", () => {
  test("any number of callers at once, in two databases of one server, end with one role and schema", async () => {
    const options = { schema: "race", role: "race_role", password: "secret" };
    const urls = await Promise.all(
      Array.from({ length: 12 }, (_, i) => ensureSchema(i % 2 ? server.url : other.url, options)),
    );
    for (const url of new Set(urls)) {
      const { rows } = await sql`select current_user as role, current_schema() as schema`.execute(
        open(url, "race").q,
      );
      expect(rows).toEqual([{ role: "race_role", schema: "race" }]);
    }
  });

  test("a changed password takes effect", async () => {
    await ensureSchema(server.url, { schema: "renewed", role: "renewed_role", password: "old" });
    const url = await ensureSchema(server.url, {
      schema: "renewed",
      role: "renewed_role",
      password: 'it\'s "new"',
    });
    expect((await sql`select 1 as one`.execute(open(url, "renewed").q)).rows).toEqual([{ one: 1 }]);
  });

  test("a name that needs quotes is refused", async () => {
    await expect(
      ensureSchema(server.url, { schema: "Chain-Bridge", role: "r", password: "p" }),
    ).rejects.toThrow('"Chain-Bridge"');
  });
});

describe("migrate", () => {
  test("runs each migration once, also when several processes start together", async () => {
    const db = await schema("together");
    const ran: string[] = [];
    const migrations = { "0001-a": recorded(ran, "a"), "0002-b": recorded(ran, "b") };
    const results = await Promise.all(Array.from({ length: 4 }, () => migrate(db, migrations)));
    expect(ran).toEqual(["a", "b"]);
    expect(results.flat().toSorted()).toEqual(["0001-a", "0002-b"]);
  });

  test("schemas of one database do not see each other's migrations", async () => {
    const [first, second] = [await schema("first"), await schema("second")];
    const ran: string[] = [];
    await Promise.all([
      migrate(first, { "0001-a": recorded(ran, "first") }),
      migrate(second, { "0001-a": recorded(ran, "second") }),
    ]);
    expect(ran.toSorted()).toEqual(["first", "second"]);
  });

  test("an unseen migration of a package may sort before a seen one of the service", async () => {
    const db = await schema("merged");
    const ran: string[] = [];
    await migrate(db, { "0001-service": recorded(ran, "service") });
    await migrate(db, { "0000-bus": recorded(ran, "bus"), "0001-service": recorded(ran, "service") });
    expect(ran).toEqual(["service", "bus"]);
  });

  test("a release that is rolled back to finds what a newer one has added, and leaves it", async () => {
    const db = await schema("rolled_back");
    const ran: string[] = [];
    const release = { "0001-a": recorded(ran, "a") };
    const next = { ...release, "0002-b": recorded(ran, "b") };
    await migrate(db, next);
    expect(await migrate(db, release)).toEqual([]);
    expect(await migrate(db, next)).toEqual([]);
    expect(ran).toEqual(["a", "b"]);
  });

  test("a failing migration leaves nothing of the run behind and is named", async () => {
    const db = await schema("failing");
    const migrations: Record<string, Migration> = {
      "0001-good": {
        up: async (kysely: Kysely<unknown>) => void (await sql`create table good (id int)`.execute(kysely)),
      },
      "0002-bad": {
        up: async (kysely: Kysely<unknown>) => void (await sql`create tabel bad (id int)`.execute(kysely)),
      },
    };
    await expect(migrate(db, migrations)).rejects.toMatchObject({
      message: "Migration 0002-bad of schema failing failed",
    });
    const { rows } =
      await sql`select tablename from pg_tables where schemaname = 'failing' and tablename = 'good'`.execute(
        db.q,
      );
    expect(rows).toEqual([]);
  });
});

async function schema(name: string): Promise<Database<unknown>> {
  return open(await ensureSchema(server.url, { schema: name, role: `${name}_role`, password: "p" }), name);
}

function open(url: string, name: string): Database<unknown> {
  const db = createDatabase<unknown>({ url, schema: name, applicationName: "test", poolSize: 2 }, logger);
  databases.push(db);
  return db;
}

function recorded(ran: string[], name: string): Migration {
  return {
    up: async (kysely: Kysely<unknown>) => {
      await sql`create table ${sql.table(`table_${name}`)} (id int)`.execute(kysely);
      ran.push(name);
    },
  };
}
