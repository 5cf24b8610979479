import { once } from "node:events";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { paths } from "../../../tools/setup/paths.mjs";
import { spawnGuarded } from "./guarded-child.ts";
import type { RunningServer } from "./postgres.ts";
import { makeServerFolder } from "./server-folder.ts";
import { untilReady } from "./until-ready.ts";

export interface NatsOptions {
  /** Keeps JetStream's files there; without it they go with the server. */
  readonly dataDir?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** JetStream's disk limit. Default 1 GiB. */
  readonly maxStoreBytes?: number;
}

export interface Nats extends RunningServer {
  readonly url: string;
  readonly port: number;
}

const anyPort = -1;

/** A real nats-server with JetStream on 127.0.0.1, ready for clients. It picks the port itself, so none can be lost to others. */
export async function startNats(options: NatsOptions = {}): Promise<Nats> {
  const folder = await makeServerFolder("nats", options.dataDir);
  const portsFolder = join(folder.path, "ports");
  const configFile = join(folder.path, "nats.conf");
  await writeFile(configFile, configuration(options, join(folder.path, "jetstream"), portsFolder));
  const child = spawnGuarded({
    command: "sh",
    args: [
      "-c",
      'rm -rf "$1" && mkdir "$1" && exec "$2" -c "$3"',
      "nats",
      portsFolder,
      paths.natsServer,
      configFile,
    ],
    logFile: folder.logFile,
    stopSignal: options.dataDir === undefined ? "KILL" : "TERM",
    stopTimeoutSeconds: 10,
    removeAtEnd: folder.removeAtEnd,
  });
  let port = 0;
  const attempt = async () => {
    port = await readPort(portsFolder);
    await readGreeting(port);
  };
  await untilReady({ server: "nats-server", child, timeoutMs: 20_000, attempt });
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    logFile: folder.logFile,
    stop: child.stop,
    [Symbol.asyncDispose]: child.stop,
  };
}

function configuration(
  { port = anyPort, maxStoreBytes = 2 ** 30 }: NatsOptions,
  store: string,
  ports: string,
): string {
  return [
    `listen: "127.0.0.1:${port}"`,
    `ports_file_dir: ${JSON.stringify(ports)}`,
    `jetstream { store_dir: ${JSON.stringify(store)}, max_file_store: ${maxStoreBytes}, max_memory_store: 67108864 }`,
    "",
  ].join("\n");
}

async function readPort(folder: string): Promise<number> {
  const [name] = (await readdir(folder)).filter((entry) => entry.endsWith(".ports"));
  if (name === undefined) throw new Error("no ports file yet");
  const { nats } = JSON.parse(await readFile(join(folder, name), "utf8")) as {
    readonly nats: readonly string[];
  };
  return Number(new URL(nats[0] ?? "").port);
}

/** A nats-server that is ready says INFO first; it names JetStream once that is on. */
async function readGreeting(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  try {
    const [chunk] = (await once(socket, "data", { signal: AbortSignal.timeout(2000) })) as [Buffer];
    const greeting = chunk.toString("utf8");
    if (!greeting.startsWith("INFO ") || !greeting.includes('"jetstream":true'))
      throw new Error("JetStream is not on yet");
  } finally {
    socket.destroy();
  }
}
