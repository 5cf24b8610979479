import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

export interface HttpFixture extends AsyncDisposable {
  readonly url: string;
  /** `METHOD range` of each request so far. */
  readonly requests: readonly string[];
}

/**
 * A real HTTP server that answers its requests one after the other as told, the last answer for all that
 * follow.
 */
export async function startHttp(...answers: readonly Answer[]): Promise<HttpFixture> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const answer = answers[Math.min(requests.length, answers.length - 1)];
    requests.push(`${request.method} ${request.headers.range ?? ""}`.trim());
    answer?.(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/file?X-Amz-Signature=secret`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Serves content as S3 does, Range requests included. */
export function serve(content: Buffer): Answer {
  return (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    if (from >= content.length && from > 0) return void response.writeHead(416).end();
    const headers = { "content-length": content.length - from };
    if (from === 0) response.writeHead(200, headers);
    else
      response.writeHead(206, {
        ...headers,
        "content-range": `bytes ${from}-${content.length - 1}/${content.length}`,
      });
    response.end(content.subarray(from));
  };
}

/** Promises the whole rest, sends `bytes` of it and drops the connection. */
export function breakAfter(content: Buffer, bytes: number): Answer {
  return (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const range = { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` };
    response.writeHead(from === 0 ? 200 : 206, {
      "content-length": content.length - from,
      ...(from > 0 && range),
    });
    response.write(content.subarray(from, from + bytes), () => setTimeout(() => response.destroy(), 20));
  };
}

export function refuse(status: number, body = ""): Answer {
  return (request, response) => {
    request.resume().on("end", () => response.writeHead(status).end(body));
  };
}
