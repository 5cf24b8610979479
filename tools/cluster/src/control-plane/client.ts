import { readFile } from "node:fs/promises";
import { type Agent, request } from "node:https";
import { text } from "node:stream/consumers";
import { parse } from "yaml";

/** What the cluster tool itself needs to ask an API server; products use a real client. */
export interface ApiClient {
  /** Parsed JSON, or text where the answer is none. Throws `ApiError` on any status but 2xx. */
  call(method: "GET" | "POST" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<unknown>;
}

export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

const timeoutMs = 10_000;

/** A client for a kubeconfig written by this tool. Without an agent each call has its own connection, so none meets one that a restart broke. */
export async function apiClient(kubeconfig: string, agent: Agent | false = false): Promise<ApiClient> {
  const { url, ca, cert, key } = await readKubeconfig(kubeconfig);
  return {
    call: async (method, path, body) => {
      const { status, content } = await send(new URL(path, url), { method, ca, cert, key, body, agent });
      if (status < 200 || status > 299)
        throw new ApiError(status, `${method} ${path}: ${status} ${reasonIn(content)}`);
      return content.startsWith("{") ? JSON.parse(content) : content;
    },
  };
}

/** Refusals are Status objects; a proxy's or an overloaded server's may be plain text. */
const reasonIn = (content: string) =>
  content.startsWith("{") ? (JSON.parse(content) as { readonly message?: string }).message : content;

interface Kubeconfig {
  readonly clusters: readonly [
    { readonly cluster: { readonly server: string; readonly "certificate-authority-data": string } },
  ];
  readonly users: readonly [
    { readonly user: { readonly "client-certificate-data": string; readonly "client-key-data": string } },
  ];
}

async function readKubeconfig(file: string) {
  const { clusters, users } = parse(await readFile(file, "utf8")) as Kubeconfig;
  const decode = (base64: string) => Buffer.from(base64, "base64");
  const [{ cluster }] = clusters;
  const [{ user }] = users;
  return {
    url: cluster.server,
    ca: decode(cluster["certificate-authority-data"]),
    cert: decode(user["client-certificate-data"]),
    key: decode(user["client-key-data"]),
  };
}

interface Options {
  readonly method: string;
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly body: unknown;
  readonly agent: Agent | false;
}

function send(
  url: URL,
  { body, method, ...credentials }: Options,
): Promise<{ readonly status: number; readonly content: string }> {
  const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  return new Promise((resolve, reject) => {
    const outgoing = request(
      url,
      {
        ...credentials,
        method,
        signal: AbortSignal.timeout(timeoutMs),
        headers: body === undefined ? {} : { "content-type": type },
      },
      (response) => {
        text(response).then((content) => resolve({ status: response.statusCode ?? 0, content }), reject);
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
