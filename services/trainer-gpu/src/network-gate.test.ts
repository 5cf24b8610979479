import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** Where nobody can be reached: this machine's own resolver may well be, and is closed by no policy. */
const noResolver = `data:text/javascript,import dns from "node:dns"; import { syncBuiltinESMExports } from "node:module";
  dns.setServers(["255.255.255.255"]); syncBuiltinESMExports();`;
const gate = fileURLToPath(new URL("network-gate.ts", import.meta.url));

test("holds the pod back as long as the API server can be reached, and no longer", async () => {
  const api = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
  await once(api, "listening");
  const { port } = api.address() as AddressInfo;
  const env = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(port) };
  const child = spawn(process.execPath, ["--import", noResolver, gate], { env, stdio: "inherit" });
  const ended = once(child, "exit");
  await connections(api, 3);
  expect(child.exitCode).toBeNull();
  api.close();
  expect(await ended).toEqual([0, null]);
}, 30_000);

test("fails where it is not told of an API server to try", async () => {
  const env = { KUBERNETES_SERVICE_HOST: "" };
  const child = spawn(process.execPath, [gate], { env, stdio: "ignore", timeout: 20_000 });
  expect(await once(child, "exit")).toEqual([1, null]);
}, 30_000);

/** So many tries have come and were let in. */
async function connections(server: Server, count: number): Promise<void> {
  for (let seen = 0; seen < count; seen += 1) await once(server, "connection");
}
