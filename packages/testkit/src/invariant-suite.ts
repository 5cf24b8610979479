import {
  checkInvariants,
  createDatabase,
  type Database,
  ensureSchema,
  type Invariant,
  migrate,
} from "@gradients/db";
import { createLogger } from "@gradients/runtime";
import { afterAll, beforeAll, expect, test } from "vitest";
import { plantRows } from "./plant-rows.ts";
import { createTestDatabase } from "./test-database.ts";

export interface InvariantSuite {
  readonly schema: string;
  readonly migrations: Parameters<typeof migrate>[1];
  readonly invariants: readonly Invariant[];
  /** By the invariant's id: statements that plant a violation of it into empty tables. */
  readonly violations: Readonly<Record<string, readonly string[]>>;
}

/** The tests of a service's invariants: each finds the violation that is planted for it, and all hold in an empty schema. */
export function testInvariants({ schema, migrations, invariants, violations }: InvariantSuite): void {
  const cleanup = new AsyncDisposableStack();
  const window = { windowHours: 24 };
  let adminUrl: string;
  let db: Database<unknown>;

  beforeAll(async () => {
    const database = cleanup.use(await createTestDatabase());
    adminUrl = database.url;
    const role = { schema, role: `role_${database.name}`, password: "p" };
    const options = {
      url: await ensureSchema(adminUrl, role),
      schema,
      applicationName: "test",
      poolSize: 2,
    };
    db = createDatabase<unknown>(options, createLogger({ service: "test", level: "silent" }));
    cleanup.defer(() => db.close());
    await migrate(db, migrations);
  });
  afterAll(() => cleanup.disposeAsync());

  test("every invariant has a violation to be found, and none is found in an empty schema", async () => {
    expect(Object.keys(violations).toSorted()).toEqual(invariants.map(({ id }) => id).toSorted());
    await plantRows(adminUrl, schema, []);
    expect(await checkInvariants(db, invariants, window)).toEqual([]);
  });

  test.each(Object.entries(violations))("%s is found when it is violated", async (id, statements) => {
    await plantRows(adminUrl, schema, statements);
    const found = await checkInvariants(db, invariants, window);
    expect(found.map(({ invariant }) => invariant.id)).toContain(id);
  });
}
