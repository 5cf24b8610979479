import type { AddressInfo } from "node:net";
import type { Rng } from "@gradients/kernel";
import { type WebSocket, WebSocketServer } from "ws";
import type { ChainEngine } from "../chain/chain-engine.ts";
import { InvalidTransaction } from "../runtime/dispatch.ts";
import { methods } from "./methods.ts";
import { RpcFailure } from "./rpc-failure.ts";
import { subscriptions } from "./subscriptions.ts";

/** What the next submission of an extrinsic meets instead of its normal treatment. */
export type SubmitFault =
  | { readonly kind: "reject"; readonly code: number; readonly message: string; readonly data?: string }
  /** The node takes the extrinsic, and the connection breaks before the answer. */
  | { readonly kind: "lose_reply" }
  /** The connection breaks before the node reads the request. */
  | { readonly kind: "lose_request" };

/** What happens to single messages on their way to the clients: shares from 0 to 1 of them. */
export interface MessageFaults {
  /** Notifications only: an answer that never comes is a connection that hangs. */
  readonly lost?: number;
  readonly doubled?: number;
  /** They come up to `lateMs` later, and so out of order. */
  readonly late?: number;
  readonly lateMs?: number;
  readonly rng: Pick<Rng, "float">;
}

export interface RpcServer {
  readonly url: string;
  dropSockets(): void;
  failNextSubmit(fault: SubmitFault): void;
  disturbMessages(faults?: MessageFaults): void;
  close(): Promise<void>;
}

/** JSON-RPC 2.0 over WebSocket, as much of a Substrate node's as @polkadot/api and the bridge use. */
export async function startRpcServer(engine: ChainEngine, host: string, port: number): Promise<RpcServer> {
  const server = new WebSocketServer({ host, port });
  await new Promise<void>((resolve, reject) => server.once("listening", resolve).once("error", reject));
  const faults: Faults = { submits: [], messages: undefined };
  server.on("connection", (socket) => serveConnection(engine, socket, faults));
  const { port: bound } = server.address() as AddressInfo;
  const dropSockets = () => server.clients.forEach((socket) => socket.terminate());
  return {
    url: `ws://${host}:${bound}`,
    dropSockets,
    failNextSubmit: (fault) => faults.submits.push(fault),
    disturbMessages: (messages) => {
      faults.messages = messages;
    },
    close: () => {
      dropSockets();
      return new Promise((resolve, reject) => server.close((error) => (error ? reject(error) : resolve())));
    },
  };
}

interface Faults {
  readonly submits: SubmitFault[];
  messages: MessageFaults | undefined;
}

function serveConnection(engine: ChainEngine, socket: WebSocket, faults: Faults): void {
  const open = new Map<string, () => void>();
  let lastSubscription = 0;
  const send = (message: object) => {
    const text = JSON.stringify({ jsonrpc: "2.0", ...message });
    disturbed(faults.messages, "method" in message, () => {
      if (socket.readyState === socket.OPEN) socket.send(text);
    });
  };

  const subscribe = (method: string, params: readonly unknown[], id: unknown) => {
    const kind = subscriptions[method];
    if (!kind) throw new RpcFailure(-32601, "Method not found", method);
    const subscription = `dev${++lastSubscription}`;
    // The answer with the id goes out before the first notification.
    const early: unknown[] = [];
    let answered = false;
    const notify = (result: unknown) => {
      if (answered) send({ method: kind.notification, params: { subscription, result } });
      else early.push(result);
    };
    open.set(subscription, kind.start(engine, params, notify));
    send({ id, result: subscription });
    answered = true;
    early.forEach(notify);
  };

  const answer = ({ id, method, params }: Request) => {
    if (subscriptions[method]) return subscribe(method, params, id);
    if (isUnsubscribe(method)) return send({ id, result: unsubscribe(open, params[0]) });
    if (method === "rpc_methods") return send({ id, result: { methods: methodNames() } });
    const handler = methods[method];
    if (!handler) throw new RpcFailure(-32601, "Method not found", method);
    send({ id, result: handler(engine, params) });
  };

  socket.on("message", (data: Buffer) => {
    const request = parseRequest(data.toString());
    if (!request) return send({ id: null, error: { code: -32700, message: "Parse error" } });
    const fault = request.method.startsWith("author_submit") ? faults.submits.shift() : undefined;
    if (fault?.kind === "lose_request") return socket.terminate();
    try {
      if (fault?.kind === "reject") throw new RpcFailure(fault.code, fault.message, fault.data);
      if (fault?.kind === "lose_reply") {
        methods["author_submitExtrinsic"]?.(engine, request.params);
        return socket.terminate();
      }
      answer(request);
    } catch (error) {
      send({ id: request.id, error: toError(error) });
    }
  });
  socket.on("close", () => open.forEach((end) => end()));
}

function disturbed(faults: MessageFaults | undefined, isNotification: boolean, deliver: () => void): void {
  if (!faults) return deliver();
  const { lost = 0, doubled = 0, late = 0, lateMs = 100, rng } = faults;
  if (isNotification && rng.float() < lost) return;
  const copies = rng.float() < doubled ? 2 : 1;
  for (let copy = 0; copy < copies; copy++) {
    if (rng.float() < late) setTimeout(deliver, rng.float() * lateMs);
    else deliver();
  }
}

interface Request {
  readonly id: unknown;
  readonly method: string;
  readonly params: readonly unknown[];
}

function parseRequest(message: string): Request | undefined {
  try {
    const { id, method, params } = JSON.parse(message) as {
      id?: unknown;
      method?: unknown;
      params?: unknown;
    };
    return typeof method === "string"
      ? { id, method, params: Array.isArray(params) ? params : [] }
      : undefined;
  } catch {
    return undefined;
  }
}

function toError(error: unknown): { code: number; message: string; data?: string } {
  if (error instanceof RpcFailure || error instanceof InvalidTransaction) {
    return {
      code: error.code,
      message: error.message,
      ...(error.data === undefined ? {} : { data: error.data }),
    };
  }
  return { code: -32603, message: "Internal error", data: String(error) };
}

const UNSUBSCRIBES = new Set(Object.values(subscriptions).map((kind) => kind.unsubscribe));

function isUnsubscribe(method: string): boolean {
  return UNSUBSCRIBES.has(method);
}

function unsubscribe(open: Map<string, () => void>, subscription: unknown): boolean {
  const end = open.get(String(subscription));
  end?.();
  return open.delete(String(subscription));
}

function methodNames(): string[] {
  return [...Object.keys(methods), ...Object.keys(subscriptions), ...UNSUBSCRIBES, "rpc_methods"].sort();
}
