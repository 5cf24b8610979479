import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { spawnGuarded } from "./guarded-child.ts";

const holder = fileURLToPath(new URL("./test-support/hold-servers.ts", import.meta.url));

test.each(["SIGKILL", "SIGTERM", "SIGINT"] as const)(
  "%s of the parent ends all three servers and removes their data",
  async (signal) => {
    const parent = spawn(process.execPath, [holder], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(createInterface({ input: parent.stdout }), "line")) as [string];
    const servers = JSON.parse(line) as readonly { readonly port: number; readonly folder: string }[];
    const folders = servers.map(({ folder }) => folder);
    expect(await Promise.all(servers.map(({ port }) => accepts(port)))).toEqual([true, true, true]);
    expect(processesNaming(folders)).not.toEqual([]);

    parent.kill(signal);
    await once(parent, "exit");

    await waitFor(
      () => processesNaming(folders).length === 0 && !folders.some((folder) => existsSync(folder)),
    );
    expect(await Promise.all(servers.map(({ port }) => accepts(port)))).toEqual([false, false, false]);
  },
  60_000,
);

test("a server that ignores the request to stop is killed", async () => {
  const { logFile } = freshFolder();
  const child = spawnGuarded({
    command: "sh",
    args: ["-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"],
    logFile,
    stopSignal: "TERM",
    stopTimeoutSeconds: 1,
    removeAtEnd: [],
  });
  await waitFor(() => readFileSync(logFile, "utf8").includes("up"));
  const started = performance.now();
  await child.stop();
  expect(performance.now() - started).toBeGreaterThan(900);
  expect(child.hasEnded()).toBe(true);
});

test("a server that ends by itself takes its temporary folder with it and leaves what is kept", async () => {
  const { folder, logFile } = freshFolder();
  const [kept, temporary] = [join(folder, "kept"), join(folder, "a name with spaces")];
  await Promise.all([mkdir(kept), mkdir(temporary)]);
  await writeFile(join(temporary, "file"), "");
  const child = spawnGuarded({
    command: "true",
    args: [],
    logFile,
    stopSignal: "TERM",
    stopTimeoutSeconds: 1,
    removeAtEnd: [temporary],
  });
  await child.ended;
  expect(existsSync(temporary)).toBe(false);
  expect(existsSync(kept)).toBe(true);
});

function freshFolder() {
  const folder = mkdtempSync(join(tmpdir(), "gradients-guard-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return { folder, logFile: join(folder, "log") };
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** Command lines of live processes that name one of the folders: servers, their guards, their workers. */
function processesNaming(folders: readonly string[]): readonly string[] {
  return listCommandLines().filter((line) => folders.some((folder) => line.includes(folder)));
}

function listCommandLines(): readonly string[] {
  if (process.platform !== "linux")
    return execFileSync("ps", ["-A", "-o", "args="], { encoding: "utf8" }).split("\n");
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(readCommandLine);
}

function readCommandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return ""; // it ended meanwhile
  }
}

async function waitFor(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("the condition did not come true within 20 s");
    await sleep(25);
  }
}
