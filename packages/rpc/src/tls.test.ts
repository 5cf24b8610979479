import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { startTestServer } from "./test-server.ts";
import { TestService } from "./test-service.ts";

const OPENSSL = "openssl";
const identity = makeIdentity();
const brief = { defaultDeadlineMs: 2_000 };

describe.skipIf(!identity)("TLS", () => {
  const { cert, key } = identity ?? { cert: Buffer.alloc(0), key: Buffer.alloc(0) };
  const listen = { host: "localhost", port: 0 };

  test("lets only clients in that trust the server's certificate", async () => {
    await using server = await startTestServer({}, { listen, tls: { cert, key } });
    const trusting = server.newClient(TestService, { tls: { ca: cert } });
    expect((await trusting.getPoint({ step: 3n })).step).toBe(3n);
    for (const refused of [
      server.newClient(TestService, { ...brief, tls: {} }),
      server.newClient(TestService, brief),
    ]) {
      await expect(refused.getPoint({})).rejects.toMatchObject({ code: "UNAVAILABLE" });
    }
  });

  test("with a client CA lets only clients in that show a certificate of it", async () => {
    await using server = await startTestServer({}, { listen, tls: { cert, key, clientCa: cert } });
    const known = server.newClient(TestService, { tls: { ca: cert, cert, key } });
    expect((await known.getPoint({ step: 3n })).step).toBe(3n);
    const unknown = server.newClient(TestService, { ...brief, tls: { ca: cert } });
    await expect(unknown.getPoint({})).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});

/** A fresh self-signed certificate for localhost; undefined on a machine without openssl. */
function makeIdentity(): { readonly cert: Buffer; readonly key: Buffer } | undefined {
  const folder = mkdtempSync(join(tmpdir(), "rpc-tls-"));
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  try {
    execFileSync(
      OPENSSL,
      ["req", "-x509", ...curve, "-keyout", key, "-out", cert, "-days", "2", ...subject],
      {
        stdio: "pipe",
      },
    );
    return { cert: readFileSync(cert), key: readFileSync(key) };
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
