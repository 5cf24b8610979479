import { expect } from "vitest";

/** Expects of a value what becomes true within 20 s: on a busy machine vitest's own second is short. */
export function eventually<T>(read: () => T) {
  return expect.poll(read, { timeout: 20_000, interval: 20 });
}
