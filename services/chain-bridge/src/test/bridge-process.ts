import { spawn } from "node:child_process";
import { once } from "node:events";

/** The bridge as it runs in production: its own process, which can be killed. */
export interface BridgeProcess {
  readonly hasEnded: () => boolean;
  /** Kills it if it still runs; the signal that ended it. */
  kill(): Promise<NodeJS.Signals | null>;
  readonly log: () => string;
}

const MAIN = new URL("../main.ts", import.meta.url).pathname;
const LOG_CHARACTERS = 4_000;

/** `failpoint` is the one to die at, as `name@n`; without it the process runs until it is killed. */
export function startBridgeProcess(env: Readonly<Record<string, string>>, failpoint = ""): BridgeProcess {
  const child = spawn(process.execPath, [MAIN], {
    env: { ...process.env, ...env, GRADIENTS_FAILPOINT: failpoint },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  const keep = (text: Buffer) => {
    log = (log + text.toString()).slice(-LOG_CHARACTERS);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const ended = once(child, "exit");
  return {
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
      return child.signalCode;
    },
    log: () => log,
  };
}
