import { PermanentError } from "@gradients/bus";
import { IncompleteMessage } from "../wire.ts";

/** An event that lacks something will lack it at the next delivery as well; the job it is about ends by its deadline. */
export function orDeadLetter<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof IncompleteMessage) throw new PermanentError(cause.message, { cause });
    throw cause;
  }
}
