import { PermanentError } from "./handlers.ts";

/** A message lacks what it must have; `what` names it. */
export class IncompleteMessage extends Error {
  override readonly name = "IncompleteMessage";

  constructor(what: string) {
    super(`The message has no ${what}`);
  }
}

/** An event that lacks something will lack it at the next delivery as well. */
export function orDeadLetter<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof IncompleteMessage) throw new PermanentError(cause.message, { cause });
    throw cause;
  }
}
