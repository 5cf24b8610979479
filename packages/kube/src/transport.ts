import { type Dispatcher, Pool } from "undici";
import type { KubeConnection } from "./connection.ts";
import { errorOfStatus, KubeError, type KubeStatus } from "./errors.ts";

export interface KubeRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** `application/json` if absent. */
  readonly contentType?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface KubeTransportOptions {
  readonly userAgent: string;
  /** Connections for calls; watches have their own. */
  readonly connections?: number;
}

const CONNECTIONS = 32;
const TIMEOUT_MS = 15_000;
const KEEP_ALIVE_MS = 60_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** HTTP to one API server over connections that are kept. Every call has a time limit and ends with its signal. */
export class KubeTransport {
  readonly #connection: KubeConnection;
  readonly #userAgent: string;
  readonly #calls: Pool;
  /** Apart from the calls, so that no watch ever takes a call's connection. */
  readonly #watches: Pool;

  constructor(connection: KubeConnection, { userAgent, connections = CONNECTIONS }: KubeTransportOptions) {
    this.#connection = connection;
    this.#userAgent = userAgent;
    const connect = { ...connection.tls, timeout: CONNECT_TIMEOUT_MS };
    const shared = { connect, keepAliveTimeout: KEEP_ALIVE_MS, allowH2: false };
    this.#calls = new Pool(connection.server, { ...shared, connections });
    this.#watches = new Pool(connection.server, { ...shared, bodyTimeout: 0 });
  }

  /** The parsed answer. Throws KubeError. */
  async call<T>(request: KubeRequest): Promise<T> {
    const text = await this.text(request);
    try {
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new KubeError("unexpected", `${request.method} ${request.path}: an answer that is no JSON`, {
        cause,
      });
    }
  }

  /** The answer as it is. Throws KubeError. */
  async text(request: KubeRequest): Promise<string> {
    const what = `${request.method} ${request.path}`;
    const limit = AbortSignal.timeout(request.timeoutMs ?? TIMEOUT_MS);
    const signal = request.signal ? AbortSignal.any([request.signal, limit]) : limit;
    try {
      const response = await this.#calls.request(this.#options(request, signal));
      const text = await response.body.text();
      if (response.statusCode >= 400) throw refusal(what, response, text);
      return text;
    } catch (error) {
      throw toKubeError(what, error, request.signal, limit);
    }
  }

  /**
   * The lines of an answer that goes on until the server ends it. Throws KubeError: `timeout` when nothing at all came for `idleMs`, `unreachable`
   * when it was cut off.
   */
  async *lines(request: KubeRequest, idleMs: number): AsyncGenerator<string, void> {
    const what = `watch ${request.path}`;
    const idle = new AbortController();
    const signal = request.signal ? AbortSignal.any([request.signal, idle.signal]) : idle.signal;
    const watchdog = setTimeout(() => idle.abort(), idleMs);
    try {
      const response = await this.#watches.request(this.#options(request, signal));
      if (response.statusCode >= 400) throw refusal(what, response, await response.body.text());
      const decoder = new TextDecoder();
      let rest = "";
      for await (const chunk of response.body) {
        watchdog.refresh();
        const parts = (rest + decoder.decode(chunk as Buffer, { stream: true })).split("\n");
        rest = parts.pop() ?? "";
        yield* parts;
      }
      if (rest.trim() !== "")
        throw new KubeError("unreachable", `${what}: cut off in the middle of an event`);
    } catch (error) {
      throw toKubeError(what, error, request.signal, idle.signal);
    } finally {
      clearTimeout(watchdog);
      idle.abort();
    }
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    await Promise.all([this.#calls.destroy(), this.#watches.destroy()]);
  }

  #options(
    { method, path, query, body, contentType = "application/json" }: KubeRequest,
    signal: AbortSignal,
  ): Dispatcher.RequestOptions {
    const token = this.#connection.token();
    const headers: Record<string, string> = { accept: "application/json", "user-agent": this.#userAgent };
    if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
    if (body !== undefined) headers["content-type"] = contentType;
    const search = query ? `?${new URLSearchParams(query).toString()}` : "";
    const text = body === undefined ? null : JSON.stringify(body);
    return { method, path: path + search, headers, body: text, signal };
  }
}

function refusal(what: string, { statusCode, headers }: Dispatcher.ResponseData, text: string): KubeError {
  const retryAfter = headers["retry-after"];
  return errorOfStatus(
    what,
    { ...parseStatus(text), code: statusCode },
    typeof retryAfter === "string" ? retryAfter : undefined,
  );
}

function parseStatus(text: string): KubeStatus {
  try {
    return JSON.parse(text) as KubeStatus;
  } catch {
    return { message: text.slice(0, 300) };
  }
}

function toKubeError(
  what: string,
  error: unknown,
  outer: AbortSignal | undefined,
  limit: AbortSignal,
): unknown {
  if (error instanceof KubeError || outer?.aborted) return error;
  if (limit.aborted) return new KubeError("timeout", `${what}: no answer in time`, { cause: error });
  const detail = error instanceof Error ? error.message : String(error);
  return new KubeError("unreachable", `${what}: ${detail}`, { cause: error });
}
