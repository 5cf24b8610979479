import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GatewayService } from "@gradients/contracts/gateway";
import { createRpcClient } from "@gradients/rpc";
import { expect, test } from "vitest";
import { createWorld, refusalOf } from "./test/world.ts";

test("an API key that calls too often is told when to call again, over gRPC and over REST; others are not held up", async () => {
  await using world = await createWorld({
    GATEWAY_RATE_LIMIT_PER_SECOND: "0.05",
    GATEWAY_RATE_LIMIT_BURST: "3",
  });
  const { client, key } = world.customer; // making the world took one call
  await client.getCaller({});
  await client.getCaller({});
  const refused = await refusalOf(client.getCaller({}));
  expect(refused).toMatchObject({ code: "RESOURCE_EXHAUSTED", reason: "RATE_LIMITED" });
  expect(refused.retryAfterMs).toBeGreaterThan(10_000);
  expect(refused.retryAfterMs).toBeLessThanOrEqual(20_000);
  const response = await fetch(`${world.http}/v1/caller`, { headers: { authorization: `Bearer ${key}` } });
  expect(response.status).toBe(429);
  expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(10);
  expect(await response.json()).toMatchObject({ reason: "RATE_LIMITED", code: "RESOURCE_EXHAUSTED" });
  expect(await world.otherCustomer.client.getCaller({})).toMatchObject({
    project: world.otherCustomer.project,
  });
});

const OPENSSL = "openssl";
const identity = makeIdentity();

test.skipIf(!identity)("with a certificate both doors speak TLS only", async () => {
  const { certificate = "", key = "" } = identity ?? {};
  await using world = await createWorld({ GATEWAY_TLS_CERTIFICATE: certificate, GATEWAY_TLS_KEY: key });
  const ca = Buffer.from(certificate);
  const client = createRpcClient(GatewayService, {
    target: world.grpc,
    token: world.customer.key,
    defaultDeadlineMs: 5_000,
    tls: { ca },
  });
  expect(await client.getCaller({})).toMatchObject({ project: world.customer.project });
  client.close();
  const plain = createRpcClient(GatewayService, { target: world.grpc, defaultDeadlineMs: 1_000 });
  expect(await refusalOf(plain.getCaller({}))).toMatchObject({ code: "UNAVAILABLE" });
  plain.close();
  expect(world.http).toMatch(/^https:/);
  expect(await getStatus(`${world.http}/healthz`, ca)).toBe(200);
  await expect(fetch(world.http.replace("https:", "http:"))).rejects.toThrow();
});

function getStatus(url: string, ca: Buffer): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { ca, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.once("error", reject).end();
  });
}

/** A fresh self-signed certificate for 127.0.0.1; undefined on a machine without openssl. */
function makeIdentity(): { readonly certificate: string; readonly key: string } | undefined {
  const folder = mkdtempSync(join(tmpdir(), "gateway-tls-"));
  const [certificate, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  try {
    const files = ["-keyout", key, "-out", certificate, "-days", "2"];
    execFileSync(OPENSSL, ["req", "-x509", ...curve, ...files, ...subject], { stdio: "pipe" });
    return { certificate: readFileSync(certificate, "utf8"), key: readFileSync(key, "utf8") };
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
