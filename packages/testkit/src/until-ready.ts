import { setTimeout as sleep } from "node:timers/promises";
import type { GuardedChild } from "./guarded-child.ts";

export interface ReadyCheck {
  readonly server: string;
  readonly child: GuardedChild;
  readonly timeoutMs: number;
  /** Throws as long as the server is not ready. */
  readonly attempt: () => Promise<void>;
}

/** Tries again and again until the server answers. Fails at once when its process ends; a failure carries the end of its log. */
export async function untilReady({ server, child, timeoutMs, attempt }: ReadyCheck): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const problem = await attempt().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (problem === undefined) return;
    if (child.hasEnded())
      throw new ServerStartError(server, `it ended while starting:\n${child.logTail()}`, problem);
    if (Date.now() > deadline) {
      await child.stop();
      throw new ServerStartError(server, `not ready after ${timeoutMs} ms:\n${child.logTail()}`, problem);
    }
    await sleep(20);
  }
}

export class ServerStartError extends Error {
  constructor(server: string, reason: string, cause: unknown) {
    super(`${server} did not start: ${reason}`, { cause });
    this.name = "ServerStartError";
  }
}
