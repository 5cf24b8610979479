import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createWorld, idOf, refusalOf, type World } from "./test/world.ts";

let world: World;

beforeAll(async () => {
  world = await createWorld();
});

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

/** A new key of the first customer. */
async function newKey(validDays = 0) {
  const { client, project } = world.customer;
  const { apiKey, secret } = await client.createApiKey({ parent: project, displayName: "robot", validDays });
  return { name: apiKey?.name ?? "", secret, apiKey };
}

const callWith = (key: string) => world.client(key).getCaller({});

describe("an API key", () => {
  test("is shown once, works, and is kept as a digest only", async () => {
    const { name, secret, apiKey } = await newKey(30);
    expect(secret).toMatch(/^grd_[0-9a-f]{10}_[0-9a-f]{64}$/);
    expect(apiKey?.prefix).toBe(secret.slice(0, 14));
    expect(await callWith(secret)).toMatchObject({ project: world.customer.project });
    const { apiKeys } = await world.customer.client.listApiKeys({ parent: world.customer.project });
    expect(apiKeys.find((key) => key.name === name)).toEqual(apiKey);
    expect(
      JSON.stringify(apiKeys, (_key, value) => (typeof value === "bigint" ? `${value}` : value)),
    ).not.toContain(secret.slice(15));
    const row = await world.db.q
      .selectFrom("api_key")
      .selectAll()
      .where("key_id", "=", idOf(name))
      .executeTakeFirstOrThrow();
    expect(JSON.stringify(row)).not.toContain(secret.slice(15));
    expect(row.secret_sha256).toHaveLength(32);
  });

  test.each<[string, (secret: string) => string, string]>([
    [
      "of another secret",
      (secret) => `${secret.slice(0, -1)}${secret.endsWith("0") ? "1" : "0"}`,
      "API_KEY_INVALID",
    ],
    ["that nobody made", (secret) => secret.replaceAll(/[0-9a-f]/g, "a"), "API_KEY_INVALID"],
    ["that is no key", () => "hello", "API_KEY_INVALID"],
  ])("%s is refused", async (_what, forge, reason) => {
    const { secret } = await newKey();
    expect(await refusalOf(callWith(forge(secret)))).toMatchObject({ code: "UNAUTHENTICATED", reason });
  });

  test("is needed, over gRPC and over REST", async () => {
    expect(await refusalOf(callWith(""))).toMatchObject({
      code: "UNAUTHENTICATED",
      reason: "API_KEY_MISSING",
    });
    const response = await fetch(`${world.http}/v1/caller`);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    expect(await response.json()).toMatchObject({ reason: "API_KEY_MISSING" });
    const basic = await fetch(`${world.http}/v1/caller`, {
      headers: { authorization: "Basic Zm9vOmJhcg==" },
    });
    expect(await basic.json()).toMatchObject({ reason: "API_KEY_INVALID" });
  });

  test("that has expired is refused, and says so only to its owner", async () => {
    const { name, secret } = await newKey(1);
    expect(await callWith(secret)).toBeTruthy();
    await world.db.q
      .updateTable("api_key")
      .set({ expires_at: new Date(Date.now() - 1) })
      .where("key_id", "=", idOf(name))
      .execute();
    await vi.waitFor(
      async () =>
        expect(await refusalOf(callWith(secret))).toMatchObject({
          code: "UNAUTHENTICATED",
          reason: "API_KEY_EXPIRED",
        }),
      { timeout: 5_500, interval: 100 }, // as if another replica had changed it: this one looks every five seconds
    );
    const guess = `${secret.slice(0, 15)}${"0".repeat(64)}`;
    expect(await refusalOf(callWith(guess))).toMatchObject({ reason: "API_KEY_INVALID" });
    const response = await fetch(`${world.http}/v1/caller`, {
      headers: { authorization: `Bearer ${secret}` },
    });
    expect(await response.json()).toMatchObject({ status: 401, reason: "API_KEY_EXPIRED" });
  });

  test("ends at once when it is revoked, and revoking again changes nothing", async () => {
    const { name, secret } = await newKey();
    const { client } = world.customer;
    expect(await callWith(secret)).toBeTruthy();
    const { apiKey } = await client.revokeApiKey({ name });
    expect(apiKey?.revokeTime).toBeDefined();
    expect(await refusalOf(callWith(secret))).toMatchObject({
      code: "UNAUTHENTICATED",
      reason: "API_KEY_REVOKED",
    });
    expect((await client.revokeApiKey({ name })).apiKey).toEqual(apiKey);
  });

  test("is refused with an absurd time or name", async () => {
    const { client, project } = world.customer;
    expect(await refusalOf(client.createApiKey({ parent: project, validDays: -1 }))).toMatchObject({
      fieldViolations: [{ field: "valid_days" }],
    });
    expect(
      await refusalOf(client.createApiKey({ parent: project, displayName: "x".repeat(101) })),
    ).toMatchObject({ fieldViolations: [{ field: "display_name" }] });
  });
});

test("the bootstrap key keeps its project over restarts, and one that was revoked stays so", async () => {
  const { project, client } = world.customer;
  const { apiKeys } = await client.listApiKeys({ parent: project });
  const bootstrap = apiKeys.find(({ displayName }) => displayName === "Bootstrap key");
  await world.restart();
  expect(world.customer.project).toBe(project);
  const { secret } = await newKey();
  await world.customer.client.revokeApiKey({ name: bootstrap?.name ?? "" });
  expect(await refusalOf(callWith(world.customer.key))).toMatchObject({ reason: "API_KEY_REVOKED" });
  await expect(world.restart()).rejects.toMatchObject({ reason: "API_KEY_REVOKED" });
  expect(await callWith(secret)).toMatchObject({ project });
});
