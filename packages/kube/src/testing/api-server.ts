import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import type { KubeConnection } from "../connection.ts";
import { type PodTemplate, runControllers } from "./controllers.ts";
import { type CallFault, CallFaults } from "./faults.ts";
import { Refusal, refuse, statusOf } from "./refusal.ts";
import { selectorOf, selects } from "./selectors.ts";
import { type DeleteRequest, type KubeObject, ObjectStore } from "./store.ts";
import { Watches } from "./watches.ts";

/** Stands in for a cluster in tests: a real server on a real socket, with the rules of the API and with faults on demand. */
export class TestApiServer {
  readonly store = new ObjectStore();
  readonly watches = new Watches(this.store);
  readonly faults = new CallFaults();
  /** Every call so far, as `METHOD /path`. */
  readonly calls: string[] = [];
  /** Every object that was made, by its key: a create that found its name taken made none. */
  readonly made: string[] = [];
  /** Refusals of access reviews: `verb resource`. */
  readonly denied = new Set<string>();
  /** Bookmarks as often as that; none when undefined. */
  bookmarkMs: number | undefined = 200;
  /** What each pod's containers have written, by the name of its Job. */
  readonly logs = new Map<string, string>();
  /** What each node's kubelet tells of its configuration; the others do not answer. */
  readonly kubelets = new Map<string, object>();
  /** Why no pod may be created from a Job's template: a quota's words, or an admission policy's. */
  refusalOf: (template: PodTemplate) => string | undefined = () => undefined;
  readonly #pages = new Map<string, { readonly version: number; readonly objects: readonly KubeObject[] }>();
  readonly #stopControllers = runControllers(this.store, (template) => this.refusalOf(template));
  #server: Server | undefined;
  #port = 0;

  /** Listens; after `down` on the same port again. */
  async up(): Promise<void> {
    const server = createServer((request, response) => void this.#answer(request, response));
    await new Promise<void>((resolve) => server.listen(this.#port, "127.0.0.1", resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** As if killed: nothing listens and all connections are broken. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    this.watches.destroy();
    await new Promise<void>((resolve) => {
      if (!server) return resolve();
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopControllers();
    await this.down();
  }

  connection(namespace: string): KubeConnection {
    return { server: `http://127.0.0.1:${this.#port}`, tls: {}, token: () => "test", namespace };
  }

  countCalls(pattern: RegExp): number {
    return this.calls.filter((call) => pattern.test(call)).length;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://localhost");
    const method = request.method ?? "GET";
    const isWatch = url.searchParams.get("watch") === "true";
    this.calls.push(`${isWatch ? "WATCH" : method} ${url.pathname}`);
    const fault = this.faults.take(isWatch ? "WATCH" : method, url.pathname);
    try {
      const body = method === "GET" ? undefined : await json(request);
      if (fault?.how === "hang") return;
      if (fault?.how === "refuse") throw refusalOf(fault);
      if (isWatch) return this.#watch(url, response);
      const log = this.#logAt(url.pathname);
      if (log !== undefined) return void response.end(log);
      const answer = this.#handle(method, url, body);
      if (fault?.how === "lose") return void response.destroy();
      send(response, method === "POST" ? 201 : 200, answer);
    } catch (error) {
      if (!(error instanceof Refusal)) return void response.destroy();
      if (fault?.retryAfterSeconds) response.setHeader("retry-after", String(fault.retryAfterSeconds));
      send(response, error.code, statusOf(error));
    }
  }

  #logAt(path: string): string | undefined {
    const pod = /\/pods\/([^/]+)\/log$/.exec(path)?.[1];
    if (pod === undefined) return undefined;
    return [...this.logs].find(([job]) => pod.startsWith(job))?.[1] ?? "";
  }

  #handle(method: string, url: URL, body: unknown): object {
    if (url.pathname === "/version") return { gitVersion: "v1.36.0" };
    const node = /^\/api\/v1\/nodes\/([^/]+)\/proxy\/configz$/.exec(url.pathname)?.[1];
    if (node !== undefined)
      return this.kubelets.get(node) ?? refuse(503, "ServiceUnavailable", "the kubelet does not answer");
    const { collection, name, subresource } = parsePath(url.pathname);
    if (collection.endsWith("/selfsubjectaccessreviews")) return this.#review(body as KubeObject);
    const key = `${collection}/${name}`;
    const part = subresource === "status" ? "status" : "object";
    if (method === "POST" && subresource === "binding") return this.#bind(key, body as Binding);
    if (method === "POST" && url.searchParams.get("dryRun") === "All") return body as KubeObject;
    if (method === "POST") return this.#make(collection, withNamespace(body as KubeObject, collection));
    if (name === undefined) return this.#list(collection, url.searchParams);
    if (method === "GET") return this.store.get(key);
    if (method === "PUT") return this.store.update(key, body as KubeObject, part);
    if (method === "PATCH")
      return this.store.update(key, merge(this.store.get(key), body) as KubeObject, part);
    if (method === "DELETE") return this.store.delete(key, body as DeleteRequest);
    return refuse(405, "MethodNotAllowed", method);
  }

  #make(collection: string, body: KubeObject): object {
    const object = this.store.create(collection, body);
    this.made.push(`${collection}/${object.metadata.name}`);
    return object;
  }

  #list(collection: string, query: URLSearchParams): object {
    const token = query.get("continue");
    const selector = selectorOf(query);
    const page = token ? this.#pages.get(token) : undefined;
    if (token && (!page || page.version < this.store.compactedTo))
      refuse(410, "Expired", "the continue token is too old");
    const all = this.store.list(collection).filter((object) => selects(selector, object));
    const { version, objects } = page ?? { version: this.store.version, objects: all };
    const limit = Number(query.get("limit") ?? objects.length) || objects.length;
    const rest = objects.slice(limit);
    const next = rest.length > 0 ? `page-${this.#pages.size}` : "";
    if (next) this.#pages.set(next, { version, objects: rest });
    const metadata = { resourceVersion: String(version), ...(next && { continue: next }) };
    return { kind: "List", apiVersion: "v1", metadata, items: objects.slice(0, limit) };
  }

  #watch(url: URL, response: ServerResponse): void {
    const since = Number(url.searchParams.get("resourceVersion"));
    if (since < this.store.compactedTo) refuse(410, "Expired", `too old resource version: ${since}`);
    const { collection } = parsePath(url.pathname);
    const selector = selectorOf(url.searchParams);
    const timeoutSeconds = Number(url.searchParams.get("timeoutSeconds"));
    const bookmarkMs = url.searchParams.get("allowWatchBookmarks") === "true" ? this.bookmarkMs : undefined;
    this.watches.open({ collection, selector, since, timeoutSeconds, bookmarkMs }, response);
  }

  #bind(key: string, { target }: Binding): object {
    const pod = this.store.get(key);
    return this.store.update(
      key,
      { ...pod, spec: { ...(pod["spec"] as object), nodeName: target.name } },
      "object",
    );
  }

  #review(review: KubeObject): object {
    const { resourceAttributes: asked } = review["spec"] as {
      resourceAttributes: { verb: string; resource: string; subresource?: string };
    };
    const resource = asked.subresource ? `${asked.resource}/${asked.subresource}` : asked.resource;
    return { ...review, status: { allowed: !this.denied.has(`${asked.verb} ${resource}`) } };
  }
}

interface Binding {
  readonly target: { readonly name: string };
}

function parsePath(path: string): {
  collection: string;
  name: string | undefined;
  subresource: string | undefined;
} {
  const match =
    /^(\/api\/v1|\/apis\/[^/]+\/[^/]+)(\/namespaces\/[^/]+(?=\/))?\/([^/]+)(?:\/([^/]+))?(?:\/(\w+))?$/.exec(
      path,
    );
  if (!match) return refuse(404, "NotFound", `the server has no resource at ${path}`);
  const [, root = "", scope = "", plural = "", name, subresource] = match;
  return { collection: `${root}${scope}/${plural}`, name: name && decodeURIComponent(name), subresource };
}

function withNamespace(object: KubeObject, collection: string): KubeObject {
  const namespace = /\/namespaces\/([^/]+)\//.exec(collection)?.[1];
  return namespace ? { ...object, metadata: { ...object.metadata, namespace } } : object;
}

/** JSON merge patch, RFC 7396. */
function merge(target: unknown, patch: unknown): unknown {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const merged: Record<string, unknown> = { ...(target as object) };
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = merge(merged[name], value);
  }
  return merged;
}

function refusalOf({ status = 500, reason = "InternalError", message = reason }: CallFault): Refusal {
  return new Refusal(status, reason, message);
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}
