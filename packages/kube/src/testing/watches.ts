import type { ServerResponse } from "node:http";
import { type Selector, selects } from "./selectors.ts";
import type { KubeObject, ObjectStore, StoreEvent } from "./store.ts";

interface Watch {
  readonly collection: string;
  readonly selector: Selector;
  readonly response: ServerResponse;
  readonly stop: () => void;
  isFrozen: boolean;
  swallow: number;
}

export interface WatchRequest {
  readonly collection: string;
  readonly selector: Selector;
  readonly since: number;
  readonly timeoutSeconds: number;
  readonly bookmarkMs: number | undefined;
}

/** The watches that are open, and what can go wrong with them. */
export class Watches {
  readonly #store: ObjectStore;
  readonly #open = new Set<Watch>();

  constructor(store: ObjectStore) {
    this.#store = store;
    store.onEvent((event) => {
      for (const watch of this.#open) this.#tell(watch, event);
    });
  }

  get count(): number {
    return this.#open.size;
  }

  open(request: WatchRequest, response: ServerResponse): void {
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    const { collection, selector, since, bookmarkMs } = request;
    const bookmarks =
      bookmarkMs === undefined ? undefined : setInterval(() => this.#bookmark(watch), bookmarkMs);
    const end = setTimeout(() => response.end(), request.timeoutSeconds * 1000);
    const stop = () => {
      clearInterval(bookmarks);
      clearTimeout(end);
      this.#open.delete(watch);
    };
    const watch: Watch = { collection, selector, response, stop, isFrozen: false, swallow: 0 };
    this.#open.add(watch);
    response.on("close", stop);
    for (const event of this.#store.since(since)) this.#tell(watch, event);
  }

  /** Ended in good order, as by a server that goes down for maintenance. */
  end(): void {
    for (const { response, stop } of this.#open) {
      stop();
      response.end();
    }
  }

  /** Cut off in the middle of a line. */
  truncate(): void {
    for (const { response, stop } of this.#open) {
      stop();
      response.write('{"type":"MODIFIED","object":{"metada', () => response.destroy());
    }
  }

  /** Half open: nothing comes any more, and nobody says so. */
  freeze(): void {
    for (const watch of this.#open) watch.isFrozen = true;
  }

  /** The next `count` events of each watch are not told. */
  swallow(count: number): void {
    for (const watch of this.#open) watch.swallow = count;
  }

  /** An ERROR event in the stream. */
  fail(code: number, reason: string): void {
    const object = { kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message: reason };
    for (const { response, stop } of this.#open) {
      stop();
      response.end(`${JSON.stringify({ type: "ERROR", object })}\n`);
    }
  }

  destroy(): void {
    for (const { response, stop } of this.#open) {
      stop();
      response.destroy();
    }
  }

  #tell(watch: Watch, { type, collection, object }: StoreEvent): void {
    if (watch.collection !== collection || !selects(watch.selector, object)) return;
    if (watch.swallow > 0) watch.swallow--;
    else this.#write(watch, { type, object });
  }

  #bookmark(watch: Watch): void {
    const metadata = { resourceVersion: String(this.#store.version) };
    this.#write(watch, { type: "BOOKMARK", object: { metadata } as KubeObject });
  }

  #write({ response, isFrozen }: Watch, event: { readonly type: string; readonly object: KubeObject }): void {
    if (!isFrozen) response.write(`${JSON.stringify(event)}\n`);
  }
}
