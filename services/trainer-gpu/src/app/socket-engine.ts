import { EventEmitter, once } from "node:events";
import { chmod, mkdir, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import type { Logger } from "@gradients/runtime";
import type { EngineEvent } from "./engine-events.ts";
import type { EngineEnd, EngineRunner, EngineWork } from "./engine-runner.ts";
import { endOnHalt, type Halt } from "./halt.ts";
import { EngineMissing, EXIT_STOPPED } from "./outcome.ts";
import { readEvents } from "./read-events.ts";

export interface SocketEngineOptions {
  readonly path: string;
  /** For the engine to come, counted from when its inputs are there. */
  readonly connectSeconds: number;
  readonly logger: Logger;
}

/** Owner and group: the engine runs as another user of our group. */
const SOCKET_MODE = 0o660;
/** Kubernetes asks the containers of a pod to end one after the other: the engine may hear of it before us. */
const STOP_NEWS_MS = 2_000;

/**
 * The engine in a container beside ours. It connects to our socket, is told where its work lies, sends its events and at last how it ended. One connection
 * is taken, and no second.
 */
export async function listenForEngine(options: SocketEngineOptions): Promise<EngineRunner> {
  const server = createServer({ pauseOnConnect: true });
  const arrival = new Arrival(server);
  await mkdir(dirname(options.path), { recursive: true });
  await rm(options.path, { force: true });
  server.listen(options.path);
  await once(server, "listening");
  await chmod(options.path, SOCKET_MODE);
  return {
    run: async (work, halt, onEvent) => {
      const socket = await arrival.within(options.connectSeconds, halt.signal);
      return follow(socket, { work, halt, logger: options.logger }, onEvent);
    },
    [Symbol.asyncDispose]: async () => arrival.close(),
  };
}

/** The first connection, whenever it comes. */
class Arrival {
  readonly #server: Server;
  readonly #arrived = new EventEmitter();
  #socket: Socket | undefined;

  constructor(server: Server) {
    this.#server = server;
    server.on("connection", (socket) => {
      if (this.#socket) return void socket.destroy();
      socket.on("error", () => {}); // its reader sees that it is gone
      this.#socket = socket;
      server.close();
      this.#arrived.emit("socket");
    });
  }

  async within(seconds: number, signal: AbortSignal): Promise<Socket> {
    const limit = AbortSignal.timeout(seconds * 1000);
    if (!this.#socket) {
      await once(this.#arrived, "socket", { signal: AbortSignal.any([signal, limit]) }).catch(
        (error: unknown) => {
          throw signal.aborted ? signal.reason : limit.aborted ? new EngineMissing(seconds) : error;
        },
      );
    }
    if (!this.#socket) throw new EngineMissing(seconds);
    return this.#socket;
  }

  close(): void {
    this.#socket?.destroy();
    this.#server.close();
  }
}

interface Conversation {
  readonly work: EngineWork;
  readonly halt: Halt;
  readonly logger: Logger;
}

async function follow(
  socket: Socket,
  { work, halt, logger }: Conversation,
  onEvent: (event: EngineEvent) => void,
): Promise<EngineEnd> {
  // An engine that does not end loses its connection; its container is ended by whoever placed the pod.
  const stopWatching = endOnHalt(halt, work.stopSeconds, {
    ask: () => send(socket, { stop: "term" }),
    force: () => void socket.destroy(),
  });
  send(socket, { workDir: work.workDir, threads: work.threads });
  try {
    const exitCode = await exitCodeOf(socket, logger, onEvent);
    if (exitCode === EXIT_STOPPED) await newsOfStop(halt);
    return { exitCode, signal: null, lastLines: [] };
  } finally {
    stopWatching();
    socket.destroy();
  }
}

/** Null when the engine went away without a word. */
async function exitCodeOf(
  socket: Socket,
  logger: Logger,
  onEvent: (event: EngineEvent) => void,
): Promise<number | null> {
  try {
    for await (const message of readEvents(socket, logger)) {
      if (message.type === "exit") return message.code;
      onEvent(message);
    }
  } catch (error) {
    logger.warn({ err: error }, "the engine's connection broke");
  }
  return null;
}

async function newsOfStop({ signal }: Halt): Promise<void> {
  if (signal.aborted) return;
  const limit = AbortSignal.timeout(STOP_NEWS_MS);
  await once(limit, "abort", { signal }).catch(() => {}); // either way the waiting is over
}

function send(socket: Socket, message: object): void {
  socket.write(`${JSON.stringify(message)}\n`);
}
