import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Transform, type TransformCallback } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Rng } from "@gradients/kernel";

/** What goes wrong at the door for a while; without it everything passes. */
type S3Trouble = "errors" | "slow" | "truncated";

/** Stands before the S3 server: services and pods reach it only through here, so it can fail for them as a real one does. */
export interface S3Door extends AsyncDisposable {
  readonly endpoint: string;
  /** Requests that were spoilt so far. */
  readonly spoilt: number;
  trouble(kind: S3Trouble | undefined, rng: Rng): void;
}

/** Part of the requests that meet trouble while there is any. */
const SHARE = 0.3;
const SLOW_MS = 1_000;
const SLOW_BYTES_PER_SECOND = 100_000;

/** Signatures hold, because the request's own host header goes along. */
export async function openS3Door(target: string): Promise<S3Door> {
  const { hostname, port } = new URL(target);
  let current: { readonly kind: S3Trouble; readonly rng: Rng } | undefined;
  let spoilt = 0;
  const server = createServer((incoming, outgoing) => {
    const kind = current && current.rng.float() < SHARE ? current.kind : undefined;
    if (kind) spoilt += 1;
    const late = kind === "errors" && current !== undefined && current.rng.int(2) === 0;
    void handle({ incoming, outgoing, hostname, port, kind, late });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get spoilt() {
      return spoilt;
    },
    trouble: (kind, rng) => {
      current = kind && { kind, rng };
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Passage {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly hostname: string;
  readonly port: string;
  readonly kind: S3Trouble | undefined;
  /** The server does what it was asked, and the answer is lost. */
  readonly late: boolean;
}

async function handle({ incoming, outgoing, hostname, port, kind, late }: Passage): Promise<void> {
  if (kind === "errors" && !late) return refuse(incoming, outgoing);
  if (kind === "slow") await sleep(SLOW_MS);
  const { expect: _expect, ...headers } = incoming.headers;
  const { method, url: path } = incoming;
  const upstream = request({ hostname, port, method, path, headers }, (answer) => {
    if (late) return void outgoing.destroy();
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    if (kind === "truncated") return cutAfter(answer, outgoing);
    (kind === "slow" ? answer.pipe(new Throttle()) : answer).pipe(outgoing);
    answer.on("error", () => outgoing.destroy());
  });
  upstream.on("error", () => outgoing.destroy());
  incoming.on("error", () => upstream.destroy());
  outgoing.on("error", () => upstream.destroy());
  (kind === "slow" ? incoming.pipe(new Throttle()) : incoming).pipe(upstream);
}

function refuse(incoming: IncomingMessage, outgoing: ServerResponse): void {
  incoming.resume();
  outgoing.writeHead(503, { "content-type": "application/xml" });
  outgoing.end("<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>");
}

/** Half of what was promised, or nothing of what has no length, and then the connection is gone. */
function cutAfter(answer: IncomingMessage, outgoing: ServerResponse): void {
  const half = Math.floor(Number(answer.headers["content-length"] ?? 0) / 2);
  let sent = 0;
  answer.on("data", (chunk: Buffer) => {
    const part = chunk.subarray(0, half - sent);
    sent += part.length;
    outgoing.write(part, () => {
      if (sent >= half) outgoing.destroy();
    });
  });
  answer.on("end", () => outgoing.destroy());
}

class Throttle extends Transform {
  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    setTimeout(() => done(null, chunk), (chunk.length / SLOW_BYTES_PER_SECOND) * 1_000);
  }
}
