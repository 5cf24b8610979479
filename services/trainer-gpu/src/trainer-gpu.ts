import { createLogger, inSpan, inTraceOf, type Service } from "@gradients/runtime";
import { Halt } from "./app/halt.ts";
import { createRelay } from "./app/relay.ts";
import { type AttemptEnd, runAttempt } from "./app/run-attempt.ts";
import type { TrainerConfig } from "./config.ts";

export interface Trainer extends Service {
  /** After `run`: 0 finished, 1 failed and reported, 75 interrupted and reported, 76 abandoned. */
  exitCode(): number;
}

const exitCodes: Readonly<Record<AttemptEnd, number>> = {
  finished: 0,
  failed: 1,
  interrupted: 75,
  abandoned: 76,
};

/** The program inside the pod: works on one attempt and ends. The signal asks it to save and report first. */
export function createTrainer(config: TrainerConfig): Trainer {
  const logger = createLogger({ service: "trainer-gpu", level: config.logLevel, redact: ["attemptToken"] });
  const halt = new Halt();
  const relay = createRelay({
    target: config.relayTarget,
    token: config.attemptToken,
    epoch: config.epoch,
    logger,
    onFenced: () => halt.request("fenced"),
    onLost: () => {
      logger.error({ seconds: config.relayLostSeconds }, "relay lost, giving up");
      halt.request("relay_lost");
    },
    lostSeconds: config.relayLostSeconds,
  });
  let end: AttemptEnd = "abandoned";
  return {
    name: "trainer-gpu",
    start: async () => ({}),
    run: async (signal) => {
      signal.addEventListener("abort", () => halt.request("sigterm"), { once: true });
      try {
        end = await inJobTrace(config, () => runAttempt({ config, relay, halt, logger }));
      } finally {
        relay.close();
      }
    },
    exitCode: () => exitCodes[end],
  };
}

function inJobTrace<T>({ traceparent, epoch }: TrainerConfig, fn: () => Promise<T>): Promise<T> {
  const span = {
    scope: "trainer-gpu",
    name: "run attempt",
    attributes: { "gradients.attempt.epoch": epoch },
  };
  return inTraceOf(traceparent, () => inSpan(span, fn));
}
