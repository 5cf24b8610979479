import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Below what Linux (from 32768) and macOS (from 49152) give to outgoing connections and port 0, and below Kubernetes' node ports (from 30000): nobody gets one unasked. */
const first = 15_000;
const count = 15_000;
const attempts = 200;
/** One folder a user, since one may not see into another's processes. */
const claims = join(tmpdir(), `gradients-ports-${process.getuid?.() ?? 0}`);
const claimed = new Set<number>();

/** A port on 127.0.0.1 that is free and stays this process's until it ends: no other caller gets it, also while nothing listens on it between the kill of a service and its restart. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const port = first + Math.floor(Math.random() * count);
    if (claim(port) && (await canListen(port))) return port;
  }
  throw new Error(`no free port among ${first} to ${first + count - 1} in ${attempts} attempts`);
}

export function freePorts(number: number): Promise<readonly number[]> {
  return Promise.all(Array.from({ length: number }, freePort));
}

/** Between processes by a file that cannot be made twice; what an ended process left is removed and free for the next caller. */
function claim(port: number): boolean {
  const file = join(claims, String(port));
  mkdirSync(claims, { recursive: true });
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
  } catch {
    if (!isHeld(file)) rmSync(file, { force: true });
    return false;
  }
  if (claimed.size === 0) process.once("exit", releaseAll);
  claimed.add(port);
  return true;
}

function isHeld(file: string): boolean {
  try {
    process.kill(Number(readFileSync(file, "utf8")), 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function releaseAll(): void {
  for (const port of claimed) rmSync(join(claims, String(port)), { force: true });
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  await once(server.close(), "close");
  return true;
}
