import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import { takeLock } from "./lock.mjs";

let folder;
let path;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gradients-lock-test-"));
  path = join(folder, "setup.lock");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("the second waits until the first is done", async () => {
  const first = await takeLock(path, () => {});
  const waited = [];
  const second = takeLock(path, (holder) => waited.push(holder.pid));
  await expect.poll(() => waited).toEqual([process.pid]);
  first.release();
  (await second).release();
  expect(existsSync(path)).toBe(false);
});

test("the lock of a killed holder is taken over without waiting", async () => {
  const holder = await spawnHolder();
  holder.kill("SIGKILL");
  await once(holder, "exit");
  expect(existsSync(path)).toBe(true);
  const lock = await takeLock(path, () => expect.unreachable());
  lock.release();
});

test("a child that outlives the killed holder keeps the lock", async () => {
  const child = spawn("sleep", ["60"]);
  const holder = await spawnHolder(child.pid);
  holder.kill("SIGKILL");
  await once(holder, "exit");
  let waiting = false;
  const lock = takeLock(path, () => {
    waiting = true;
  });
  await expect.poll(() => waiting).toBe(true);
  child.kill();
  (await lock).release();
});

test("of many who find a stale lock one at a time gets it", async () => {
  const holder = await spawnHolder();
  holder.kill("SIGKILL");
  await once(holder, "exit");
  let inside = 0;
  const visit = async () => {
    const lock = await takeLock(path, () => {});
    inside += 1;
    expect(inside).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 5));
    inside -= 1;
    lock.release();
  };
  await Promise.all(Array.from({ length: 8 }, visit));
});

/** Another process that takes the lock and keeps it; `childPid` is noted as its child. */
async function spawnHolder(childPid) {
  const note = childPid === undefined ? "" : `lock.noteChild(${childPid});`;
  const program = `import { takeLock } from ${JSON.stringify(new URL("./lock.mjs", import.meta.url).href)};
    const lock = await takeLock(${JSON.stringify(path)}, () => {}); ${note} console.log("taken"); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(createInterface({ input: holder.stdout }), "line");
  return holder;
}
