import { IncompleteMessage } from "@gradients/contracts/incomplete-message";
import { PermanentError } from "./handlers.ts";

/** An event that lacks something will lack it at the next delivery as well. */
export function orDeadLetter<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof IncompleteMessage) throw new PermanentError(cause.message, { cause });
    throw cause;
  }
}
