// One set-up at a time per cache. The lock file names its holder; a holder that is gone loses it.
import { execFileSync } from "node:child_process";
import { linkSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { temporarySibling, writeWhole } from "./files.mjs";

const heartbeatMs = 10_000;
const silentMs = 120_000;

/** Waits for its turn. Returns the lock: `noteChild(pid)` keeps it taken for as long as that child lives, even when this process is killed. */
export async function takeLock(path, onWait) {
  let told = false;
  while (!tryTake(path)) {
    const holder = readHolder(path);
    if (holder === undefined) continue; // given back this moment
    if (isGone(path, holder)) breakLock(path, holder);
    else if (!told) {
      onWait(holder);
      told = true;
    }
    await sleep(200);
  }
  return heldLock(path);
}

function heldLock(path) {
  const children = [];
  const heartbeat = setInterval(() => touch(path), heartbeatMs);
  heartbeat.unref();
  return {
    noteChild(pid) {
      children.push(identify(pid));
      writeWhole(path, JSON.stringify({ ...me(), children: children.filter(isAlive) }));
    },
    release() {
      clearInterval(heartbeat);
      rmSync(path, { force: true });
    },
  };
}

/** A hard link appears with its content, and only if the name is free. */
function tryTake(path) {
  const temporary = temporarySibling(path);
  writeFileSync(temporary, JSON.stringify({ ...me(), children: [] }));
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Two that find the same stale lock must not remove each other's new one: the removal itself is exclusive and looks again. */
function breakLock(path, seen) {
  const breaker = `${path}.breaking`;
  try {
    writeFileSync(breaker, String(process.pid), { flag: "wx" });
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    if (ageMs(breaker) > silentMs) rmSync(breaker, { force: true });
    return;
  }
  try {
    if (JSON.stringify(readHolder(path)) === JSON.stringify(seen)) rmSync(path, { force: true });
  } finally {
    rmSync(breaker, { force: true });
  }
}

function readHolder(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
}

function isGone(path, holder) {
  if (holder.host !== hostname()) return ageMs(path) > silentMs;
  return ![holder, ...holder.children].some(isAlive);
}

function me() {
  return { host: hostname(), ...identify(process.pid) };
}

/** A process id can be used again; together with its start time it cannot. */
function identify(pid) {
  return { pid, started: startTime(pid) };
}

function isAlive({ pid, started }) {
  return started !== undefined && startTime(pid) === started;
}

function startTime(pid) {
  try {
    if (process.platform !== "linux")
      return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function touch(path) {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // the lock was released between two beats
  }
}

function ageMs(path) {
  try {
    return Date.now() - statSync(path).mtimeMs;
  } catch {
    return 0;
  }
}
