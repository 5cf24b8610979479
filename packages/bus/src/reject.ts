import { isOutage } from "@gradients/db";
import { failpoint } from "@gradients/kernel";
import { withBackoff } from "@gradients/runtime";
import type { Accepted, DeliveryOptions } from "./accepted.ts";
import { recordDeadLetter } from "./dead-letters.ts";
import { PermanentError } from "./handlers.ts";
import type { Outcome } from "./observe.ts";
import type { BusTables } from "./tables.ts";

/** Waits between deliveries, about four minutes in all; the last one repeats. */
const retryDelaysMs = [500, 2_000, 5_000, 15_000, 30_000, 60_000, 120_000];

/** Has a failed event come again, or puts it aside when that would not help. */
export async function reject<T extends BusTables>(
  options: DeliveryOptions<T>,
  { message, headers }: Accepted<T>,
  error: unknown,
): Promise<Outcome> {
  const { logger, maxDeliveries, consumer, signal } = options;
  const deliveries = message.info.deliveryCount;
  const fields = { event_id: headers["ce-id"], type: headers["ce-type"], deliveries, err: error };
  const isFinal = error instanceof PermanentError || deliveries >= maxDeliveries;
  if (signal.aborted || !isFinal) return retryLater(options, message, fields);
  failpoint("bus.before-dead-letter");
  try {
    await whileDatabaseIsBack(options, () =>
      recordDeadLetter(options.busDb, {
        consumer,
        headers,
        subject: message.subject,
        payload: message.data,
        deliveries,
        error,
      }),
    );
  } catch (cause) {
    return retryLater(options, message, { ...fields, err: cause });
  }
  failpoint("bus.dead-letter-recorded");
  message.term("dead letter recorded");
  logger.error(fields, "event put aside as a dead letter");
  return "dead_lettered";
}

/** A database that is away is no fault of the event and costs it no delivery. */
export function whileDatabaseIsBack<T extends BusTables, R>(
  { logger, signal }: DeliveryOptions<T>,
  fn: () => Promise<R>,
): Promise<R> {
  return withBackoff({ what: "handle event", logger, signal, maxMs: 5_000, isRetryable: isOutage }, fn);
}

function retryLater<T extends BusTables>(
  { logger }: DeliveryOptions<T>,
  message: Accepted<T>["message"],
  fields: { readonly deliveries: number; readonly err: unknown },
): Outcome {
  const base = retryDelaysMs[Math.min(fields.deliveries, retryDelaysMs.length) - 1] ?? 0;
  const delayMs = Math.round(base * (0.75 + Math.random() / 2));
  logger[fields.deliveries < 3 ? "info" : "warn"](
    { ...fields, delay_ms: delayMs },
    "event will be delivered again",
  );
  message.nak(delayMs);
  return "retried";
}
