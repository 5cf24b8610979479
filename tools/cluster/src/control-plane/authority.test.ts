import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { openAuthority } from "./authority.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gradients-authority-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it("signs clients with user and groups as Kubernetes reads them", async () => {
  const authority = await openAuthority(folder);
  const { certFile } = await authority.clientFiles("ada", "ada", ["system:nodes", "staff"]);
  const certificate = new X509Certificate(readFileSync(certFile));
  expect(certificate.subject).toBe("CN=ada\nO=system:nodes\nO=staff");
  expect(certificate.verify(new X509Certificate(authority.cert).publicKey)).toBe(true);
});

it("signs servers for their names and addresses", async () => {
  const authority = await openAuthority(folder);
  const { certFile } = await authority.serverFiles("server", "server", ["localhost", "10.96.0.1"]);
  const certificate = new X509Certificate(readFileSync(certFile));
  expect(certificate.checkHost("localhost")).toBe("localhost");
  expect(certificate.checkIP("10.96.0.1")).toBe("10.96.0.1");
  expect(certificate.checkIP("10.96.0.2")).toBeUndefined();
});

it("is the same authority when it is opened again, and its keys are its owner's alone", async () => {
  const first = await openAuthority(folder);
  const again = await openAuthority(folder);
  expect(again.cert).toBe(first.cert);
  const { certFile } = await again.clientFiles("ada", "ada");
  expect(new X509Certificate(readFileSync(certFile)).verify(new X509Certificate(first.cert).publicKey)).toBe(
    true,
  );
  expect(statSync(first.keyFile).mode & 0o077).toBe(0);
});
