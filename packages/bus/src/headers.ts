import { headers as createHeaders, type MsgHdrs } from "nats";
import type { Headers } from "./tables.ts";

/** Names the one consumer that a replay is for; the others have handled the event or never will. */
export const ADDRESSEE_HEADER = "Gradients-Consumer";

export function toMsgHeaders(values: Headers): MsgHdrs {
  const headers = createHeaders();
  for (const [name, value] of Object.entries(values)) headers.set(name, value);
  return headers;
}

export function fromMsgHeaders(headers: MsgHdrs | undefined): Headers {
  const values: Record<string, string> = {};
  for (const [name, [first = ""]] of headers ?? []) values[name] = first;
  return values;
}
