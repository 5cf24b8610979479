import { headers as createHeaders, type MsgHdrs } from "nats";
import type { Headers } from "./tables.ts";

/** Names the one consumer that a replay is for; the others have handled the event or never will. */
export const ADDRESSEE_HEADER = "Gradients-Consumer";

export function toMsgHeaders(values: Headers): MsgHdrs {
  const headers = createHeaders();
  for (const [name, value] of Object.entries(values)) headers.set(name, value);
  return headers;
}

/** Without the server's own headers. */
export function fromMsgHeaders(headers: MsgHdrs | undefined): Headers {
  const names = headers?.keys() ?? [];
  return Object.fromEntries(names.map((name) => [name, headers?.get(name) ?? ""]));
}
