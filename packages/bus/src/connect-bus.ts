import { type Logger, withBackoff } from "@gradients/runtime";
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import {
  AuthorizationError,
  connect,
  credsAuthenticator,
  type NatsConnection,
  type NodeConnectionOptions,
  type Status,
} from "nats";
import { createProgressQueue, type ProgressQueue } from "./progress-queue.ts";

export type StreamName = "EVENTS" | "PROGRESS";

export interface BusOptions {
  /** host:port or nats:// URLs. */
  readonly servers: readonly string[];
  /** Shown in the server's connection list. */
  readonly name: string;
  /** The text of a .creds file. */
  readonly creds?: string | undefined;
  /** Copies of each stream; 3 in a cluster, 1 if absent. */
  readonly replicas?: number | undefined;
  /** Byte limits other than the standard ones. */
  readonly maxBytes?: Readonly<Partial<Record<StreamName, number>>> | undefined;
}

/** One service's connection to NATS. */
export interface Bus {
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly progress: ProgressQueue;
  readonly replicas: number;
  readonly maxBytes: Readonly<Partial<Record<StreamName, number>>>;
  manager(): Promise<JetStreamManager>;
  isConnected(): boolean;
  /** Calls `listener` whenever the connection was made anew: the server may have come back with an empty store. Returns how to end that. */
  onReconnect(listener: () => void): () => void;
  /** Sends what is buffered, then closes. */
  close(): Promise<void>;
}

/** Connects, trying until the server is there; a refused login is thrown. A connection lost later is made anew for ever. */
export async function connectBus(options: BusOptions, logger: Logger): Promise<Bus> {
  const connection = await withBackoff(
    {
      what: "connect to NATS",
      logger,
      maxMs: 5_000,
      isRetryable: (error) => !(error instanceof AuthorizationError),
    },
    () => connect(connectionOptions(options)),
  );
  const listeners = new Set<() => void>();
  const link = { isUp: true };
  void followStatus(connection, logger, listeners, link);
  const client = jetstream(connection);
  const progress = createProgressQueue(client, logger);
  return {
    connection,
    jetstream: client,
    progress,
    replicas: options.replicas ?? 1,
    maxBytes: options.maxBytes ?? {},
    manager: () => jetstreamManager(connection, { checkAPI: false }),
    isConnected: () => link.isUp && !connection.isClosed(),
    onReconnect: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close: async () => {
      await progress.close();
      await close(connection);
    },
  };
}

function connectionOptions({ servers, name, creds }: BusOptions): NodeConnectionOptions {
  return {
    servers: [...servers],
    name,
    ...(creds === undefined ? {} : { authenticator: credsAuthenticator(new TextEncoder().encode(creds)) }),
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true, // an error object for each publish costs more than the publish
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    pingInterval: 10_000,
    timeout: 5_000,
  };
}

async function followStatus(
  connection: NatsConnection,
  logger: Logger,
  listeners: ReadonlySet<() => void>,
  link: { isUp: boolean },
): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === "disconnect") link.isUp = false;
    if (status.type === "reconnect") link.isUp = true;
    if (status.type === "reconnect") for (const listener of listeners) listener();
    logStatus(status, logger);
  }
}

function logStatus(status: Status, logger: Logger): void {
  switch (status.type) {
    case "disconnect":
    case "staleConnection":
      logger.warn({ status: status.type }, "NATS connection lost");
      return;
    case "reconnect":
      logger.info({ server: status.server }, "NATS connection restored");
      return;
    case "error":
      logger.warn({ err: status.error }, "NATS connection error");
      return;
    default:
      logger.debug({ status: status.type }, "NATS connection status");
  }
}

async function close(connection: NatsConnection): Promise<void> {
  if (connection.isClosed()) return;
  const drained = connection.drain().catch(() => {}); // closed below either way
  const late = new Promise((resolve) => setTimeout(resolve, 2_000).unref());
  await Promise.race([drained, late]);
  await connection.close();
}
