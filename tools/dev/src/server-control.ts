import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type RunningServer, startNats, startPostgres } from "@gradients/testkit";
import { paths } from "../../setup/paths.mjs";
import { sendSignal } from "./send-signal.ts";
import type { ServerFolders, Servers } from "./servers.ts";

/** Takes the servers under the services down and brings them back at the same address. */
export interface ServerControl extends AsyncDisposable {
  /** SIGKILL: what was not on disk is gone. */
  killNats(): Promise<void>;
  /** Everything that JetStream has stored. Only while it is down. */
  wipeNats(): Promise<void>;
  startNats(): Promise<void>;
  /** `pg_ctl stop -m immediate`: no session ends in good order. */
  stopPostgres(): Promise<void>;
  /** What was committed is recovered from the log. */
  startPostgres(): Promise<void>;
}

export function createServerControl(servers: Servers, folders: ServerFolders): ServerControl {
  let nats: RunningServer = servers.nats;
  let postgres: RunningServer = servers.postgres;
  return {
    killNats: async () => {
      for (const pid of await processesOf(paths.natsServer, join(folders.nats, "nats.conf")))
        sendSignal(pid, "SIGKILL");
      await nats.stop();
    },
    wipeNats: () => rm(join(folders.nats, "jetstream"), { recursive: true, force: true }),
    startNats: async () => {
      nats = await startNats({ dataDir: folders.nats, port: servers.nats.port });
    },
    stopPostgres: async () => {
      const [pid] = (await readFile(join(folders.postgres, "data/postmaster.pid"), "utf8")).split("\n");
      sendSignal(Number(pid), "SIGQUIT");
      await untilGone(Number(pid));
      await postgres.stop();
    },
    startPostgres: async () => {
      postgres = await startPostgres({ dataDir: folders.postgres, port: servers.postgres.port });
    },
    [Symbol.asyncDispose]: async () => void (await Promise.all([nats.stop(), postgres.stop()])),
  };
}

/** By program and one of its arguments: the shell that guards it has the same arguments and another program. */
async function processesOf(program: string, argument: string): Promise<readonly number[]> {
  const numbers = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    numbers.map(async (pid) => {
      const [name, ...args] = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
      return name === program && args.includes(argument) ? [Number(pid)] : [];
    }),
  );
  return found.flat();
}

async function untilGone(pid: number): Promise<void> {
  while (
    await readFile(`/proc/${pid}/stat`).then(
      () => true,
      () => false,
    )
  )
    await sleep(20);
}
