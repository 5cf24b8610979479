import { execFile } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { freePorts } from "./ports.ts";

const module = new URL("ports.ts", import.meta.url).href;

test("no port is given twice, within a process and between processes", async () => {
  const own = await freePorts(300);
  const [one, two] = await Promise.all([askInAnotherProcess(300), askInAnotherProcess(300)]);
  expect(new Set([...own, ...one]).size).toBe(600);
  expect(new Set([...own, ...two]).size).toBe(600);
});

test("a port that is listened on is not given", async () => {
  const [port = 0] = await freePorts(1);
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  expect(await askInAnotherProcess(50)).not.toContain(port);
  server.close();
});

test.runIf(process.platform === "linux")("outgoing connections do not come by them", async () => {
  const range = await readFile("/proc/sys/net/ipv4/ip_local_port_range", "utf8");
  const [from = 0] = range.split("\t").map(Number);
  expect(Math.max(...(await freePorts(100)))).toBeLessThan(from);
});

async function askInAnotherProcess(count: number): Promise<readonly number[]> {
  const script = `import { freePorts } from ${JSON.stringify(module)}; console.log(JSON.stringify(await freePorts(${count})))`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script]);
  return JSON.parse(stdout) as number[];
}
