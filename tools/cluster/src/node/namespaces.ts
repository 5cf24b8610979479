import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SetupProblem } from "../../../setup/problem.mjs";
import type { Place } from "../daemons/daemons.ts";
import { isAlive, type ProcessRecord, readRecord, recordAndBecome } from "../daemons/record.ts";
import { configFile, imagesFolder } from "../layout.ts";
import { environment, run } from "../run.ts";
import { addresses, hostInterface } from "./addresses.ts";
import { removeCgroups } from "./cgroups.ts";
import { isolation } from "./isolation.ts";

/**
 * The node is a set of namespaces (processes, mounts, network): the kernel itself ends every process, mount, interface and firewall
 * rule in it together with its first process, and nothing that the node's servers do to the firewall reaches this machine.
 */
export async function openNode(dir: string): Promise<Place> {
  await mkdir(join(dir, "pids"), { recursive: true });
  await mkdir(imagesFolder, { recursive: true, mode: 0o700 });
  const log = openSync(logFile(dir), "a");
  const firstProcess = ["sh", configFile("node-init.sh"), dir, imagesFolder];
  spawn(
    "sh",
    ["-c", recordAndBecome, "gradients-cluster", recordFile(dir), "unshare", ...isolation, ...firstProcess],
    { cwd: "/", detached: true, stdio: ["ignore", log, log], env: environment() },
  ).unref();
  closeSync(log);
  const first = await untilOpen(dir);
  await connect(first);
  await writeFile(connectedFile(dir), "");
  return placeOf(first);
}

/** The running node, if there is one. */
export async function findNode(dir: string): Promise<Place | undefined> {
  const first = await findFirstProcess(dir);
  return first !== undefined && existsSync(connectedFile(dir)) ? placeOf(first) : undefined;
}

/** Ends everything in the node, then removes the little that the kernel leaves. Heals any half-opened node. */
export async function closeNode(dir: string): Promise<void> {
  const record = await readRecord(recordFile(dir));
  if (isAlive(record)) {
    process.kill((await childOf(record.pid)) ?? record.pid, "SIGKILL");
    await untilEnded(record);
  }
  await untilDisconnected();
  await removeCgroups();
  for (const file of [openFile(dir), connectedFile(dir)]) await rm(file, { force: true });
}

/** unshare ends after the last process in the namespaces. */
async function untilEnded(record: ProcessRecord): Promise<void> {
  const deadline = Date.now() + endTimeoutMs;
  while (isAlive(record)) {
    if (Date.now() > deadline)
      throw new SetupProblem(
        `The node's processes do not end (process ${record.pid} waits for them): try again.`,
      );
    await sleep(20);
  }
}

/** The kernel takes the cable away with the node's network, a moment later; without a node nobody does. */
async function untilDisconnected(): Promise<void> {
  const deadline = Date.now() + endTimeoutMs;
  while (existsSync(`/sys/class/net/${hostInterface}`)) {
    const refusal = await run(["ip", "link", "delete", hostInterface]).catch((error: unknown) => error);
    if (refusal instanceof Error && Date.now() > deadline) throw refusal;
  }
}

const recordFile = (dir: string) => join(dir, "pids/node.json");
const logFile = (dir: string) => join(dir, "node.log");
/** Written by the first process when its mounts are in place. */
const openFile = (dir: string) => join(dir, "node.open");
const connectedFile = (dir: string) => join(dir, "node.connected");
const openTimeoutMs = 10_000;
const endTimeoutMs = 60_000;

function placeOf(first: number): Place {
  const target = ["--target", String(first)];
  return {
    enter: ["nsenter", ...target, "--mount", "--net", "--ipc", "--pid"],
    proc: `/proc/${first}/root/proc`,
  };
}

async function untilOpen(dir: string): Promise<number> {
  const deadline = Date.now() + openTimeoutMs;
  for (;;) {
    const first = await findFirstProcess(dir);
    if (first !== undefined) return first;
    if (Date.now() > deadline) {
      const log = await readFile(logFile(dir), "utf8");
      throw new SetupProblem(`The node's namespaces could not be made: ${log.trim() || "no answer"}`);
    }
    await sleep(20);
  }
}

async function findFirstProcess(dir: string): Promise<number | undefined> {
  const record = await readRecord(recordFile(dir));
  return isAlive(record) && existsSync(openFile(dir)) ? childOf(record.pid) : undefined;
}

async function childOf(pid: number): Promise<number | undefined> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const [child] = children.trim().split(" ").filter(Boolean);
  return child === undefined ? undefined : Number(child);
}

/** A cable between this machine and the node. Pods and Services are reached through it, too. */
async function connect(first: number): Promise<void> {
  const { host, node, linkPrefix, podCidr, serviceCidr } = addresses;
  const inside = placeOf(first).enter;
  const link = [
    "ip",
    "link",
    "add",
    hostInterface,
    "type",
    "veth",
    "peer",
    "name",
    "eth0",
    "netns",
    String(first),
  ];
  await run(link);
  await run(["ip", "address", "add", `${host}/${linkPrefix}`, "dev", hostInterface]);
  await run(["ip", "link", "set", hostInterface, "up"]);
  await run([...inside, "ip", "address", "add", `${node}/${linkPrefix}`, "dev", "eth0"]);
  await run([...inside, "ip", "link", "set", "eth0", "up"]);
  await run([...inside, "ip", "route", "add", "default", "via", host]);
  for (const range of [podCidr, serviceCidr]) await run(["ip", "route", "add", range, "via", node]);
}
