import { type Nats, startNats } from "./nats.ts";

/** A nats-server of its own: it starts so quickly that sharing one and keeping tests apart is not worth it. Stop it at the end. */
export function testNats(): Promise<Nats> {
  return startNats({ maxStoreBytes: 256 * 2 ** 20 });
}
