import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectionFrom, inClusterConnection } from "./connection.ts";

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "kube-"));
});

afterEach(() => rm(dir, { recursive: true, force: true }));

async function kubeconfig(user: object, cluster: object = {}): Promise<string> {
  const path = join(dir, "config");
  const config = {
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "k", user: "u", namespace: "trainers" } }],
    clusters: [{ name: "k", cluster: { server: "https://api:6443", ...cluster } }],
    users: [{ name: "u", user }],
  };
  await writeFile(path, JSON.stringify(config)); // JSON is YAML
  return path;
}

test("a kubeconfig with files beside it, a token and a CA as data", async () => {
  await writeFile(join(dir, "tls.crt"), "CERT");
  await writeFile(join(dir, "tls.key"), "KEY");
  const path = await kubeconfig(
    { "client-certificate": "tls.crt", "client-key": "tls.key", token: "t" },
    { "certificate-authority-data": Buffer.from("CA").toString("base64"), "tls-server-name": "api" },
  );
  const { server, tls, token, namespace } = connectionFrom(path);
  expect({ server, namespace, token: token() }).toEqual({
    server: "https://api:6443",
    namespace: "trainers",
    token: "t",
  });
  expect(Object.entries(tls).map(([name, value]) => `${name}=${String(value)}`)).toEqual([
    "ca=CA",
    "cert=CERT",
    "key=KEY",
    "servername=api",
  ]);
});

test("a service account's token and namespace come from their folder", async () => {
  for (const name of ["ca.crt", "token", "namespace"]) await writeFile(join(dir, name), `${name}\n`);
  const connection = inClusterConnection(
    { KUBERNETES_SERVICE_HOST: "::1", KUBERNETES_SERVICE_PORT: "443" },
    dir,
  );
  expect(connection).toMatchObject({ server: "https://[::1]:443", namespace: "namespace" });
  expect(connection.token()).toBe("token");
});

test("what cannot work is refused in a sentence", async () => {
  const path = await kubeconfig({ exec: { command: "aws" } });
  expect(() => connectionFrom(path)).toThrow('The user "u" of');
  expect(() => inClusterConnection({}, dir)).toThrow("KUBERNETES_SERVICE_HOST is missing");
});
