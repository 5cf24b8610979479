import { spawn } from "node:child_process";
import { once } from "node:events";
import { fstatSync, openSync, readSync } from "node:fs";

export interface GuardedCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Run as another user (only root may ask). */
  readonly identity?: { readonly uid: number; readonly gid: number } | undefined;
  readonly logFile: string;
  /** What the server takes as the request to stop. */
  readonly stopSignal: "TERM" | "INT" | "QUIT" | "KILL";
  /** After this it is killed. */
  readonly stopTimeoutSeconds: number;
  /** Paths removed after the end, whatever ended it. May hold wildcards in the last part, no line breaks. */
  readonly removeAtEnd: readonly string[];
}

export interface GuardedChild {
  /** Resolves when the server and its guard are gone and its temporary files are removed. */
  readonly ended: Promise<void>;
  readonly hasEnded: () => boolean;
  stop(): Promise<void>;
  /** The end of the log, also after the file is removed. */
  logTail(): string;
}

/**
 * Starts a server that cannot outlive this process. A shell stands between: it reads a pipe that only this process holds open,
 * so the kernel tells it about any kind of end here, kill -9 included. `stop()` closes that pipe: one way for both.
 */
export function spawnGuarded(options: GuardedCommand): GuardedChild {
  const log = openSync(options.logFile, "a+");
  const { stopSignal, stopTimeoutSeconds, removeAtEnd, identity } = options;
  const child = spawn(
    "sh",
    [
      "-c",
      guard,
      "gradients-guard",
      stopSignal,
      String(stopTimeoutSeconds),
      removeAtEnd.join("\n"),
      options.command,
      ...options.args,
    ],
    {
      cwd: "/",
      env: { ...process.env, ...options.env },
      stdio: ["ignore", log, log, "pipe"],
      // Its own session: Ctrl-C on the terminal is for the programs that use the server, they still need it to finish.
      detached: true,
      ...identity,
    },
  );
  let over = false;
  const ended = once(child, "exit").then(() => {
    over = true;
  });
  child.stdio[3]?.on("error", () => {}); // the guard ended first
  return {
    ended,
    hasEnded: () => over,
    async stop() {
      child.stdio[3]?.destroy();
      await ended;
    },
    logTail: () => readTail(log),
  };
}

const guard = `
stop=$1 timeout=$2 remove=$3
shift 3
"$@" 3<&- &
server=$!
(
  exec >/dev/null 2>&1
  read -r _ <&3
  kill -"$stop" "$server" || exit
  ticks=0
  while [ "$ticks" -lt $((timeout * 20)) ] && kill -0 "$server"; do sleep 0.05; ticks=$((ticks + 1)); done
  kill -KILL "$server"
) &
watcher=$!
trap '' TERM INT HUP
wait "$server"
kill -KILL "$watcher" 2>/dev/null
wait "$watcher" 2>/dev/null
IFS='
'
[ -z "$remove" ] || rm -rf -- $remove
`;

const tailBytes = 2000;

function readTail(file: number): string {
  const { size } = fstatSync(file);
  const buffer = Buffer.alloc(Math.min(size, tailBytes));
  readSync(file, buffer, 0, buffer.length, size - buffer.length);
  return buffer.toString("utf8").trimEnd();
}
