import { MsgHdrsImpl } from "@nats-io/nats-core/internal";
import type { MsgHdrs } from "nats";
import type { Headers } from "./tables.ts";

/** Names the one consumer that a replay is for; the others have handled the event or never will. */
export const ADDRESSEE_HEADER = "Gradients-Consumer";

/** Throws where a value would break out of its line. Built in one piece: setting each by itself costs more than the rest of the publish. */
export function toMsgHeaders(values: Headers): MsgHdrs {
  const record: Record<string, string[]> = {};
  for (const [name, value] of Object.entries(values)) {
    if (/[\r\n]/.test(value)) throw new Error(`The header ${name} has a line break`);
    record[name] = [value];
  }
  return MsgHdrsImpl.fromRecord(record);
}

export function fromMsgHeaders(headers: MsgHdrs | undefined): Headers {
  const values: Record<string, string> = {};
  for (const [name, [first = ""]] of headers ?? []) values[name] = first;
  return values;
}
