import { Directive, type ReportResponse } from "@gradients/contracts/trainer";
import { manualClock } from "@gradients/kernel";
import { RpcError } from "@gradients/rpc";
import { createLogger } from "@gradients/runtime";
import { expect, test } from "vitest";
import { Halt } from "./halt.ts";
import type { Relay } from "./relay.ts";
import { Reporter } from "./reporter.ts";

const logger = createLogger({ service: "test", level: "silent" });

/** The other end of the reports: what arrived, and whether it can be reached. */
class Receiver implements Pick<Relay, "report"> {
  readonly reports: { readonly phase: string; readonly steps: readonly number[] }[] = [];
  isAway = false;
  directive = Directive.CONTINUE;

  async report({ phase = "", points = [] }: Parameters<Relay["report"]>[0]): Promise<ReportResponse> {
    if (this.isAway) throw new RpcError("UNAVAILABLE", "GRPC_UNAVAILABLE", "away");
    this.reports.push({ phase, steps: points.map(({ step }) => Number(step)) });
    return { $typeName: "gradients.trainer.v1.ReportResponse", directive: this.directive };
  }
}

function start() {
  const receiver = new Receiver();
  const halt = new Halt();
  const clock = manualClock(0);
  const reporter = new Reporter(receiver, halt, logger, clock);
  const end = new AbortController();
  const running = reporter.run(2, end.signal);
  const stop = async () => {
    end.abort();
    await running;
  };
  return { receiver, halt, clock, reporter, stop };
}

test("sends a heartbeat at the asked pace while there is nothing to say", async () => {
  const { receiver, clock, stop } = start();
  await clock.advance(7_000);
  expect(receiver.reports).toEqual(Array(4).fill({ phase: "staging", steps: [] }));
  await stop();
});

test("sends figures each second, in batches", async () => {
  const { receiver, clock, reporter, stop } = start();
  await clock.advance(0);
  reporter.enter("training");
  for (const step of [1, 2, 3]) reporter.add({ step: BigInt(step) });
  await clock.advance(1_000);
  reporter.add({ step: 4n });
  await clock.advance(1_000);
  expect(receiver.reports.slice(1)).toEqual([
    { phase: "training", steps: [1, 2, 3] },
    { phase: "training", steps: [4] },
  ]);
  await stop();
});

test("keeps figures while the relay is away, the newest thousand of them, and brings them later", async () => {
  const { receiver, clock, reporter, stop } = start();
  await clock.advance(0);
  receiver.isAway = true;
  for (let step = 1; step <= 1_500; step++) reporter.add({ step: BigInt(step) });
  await clock.advance(30_000);
  expect(receiver.reports).toHaveLength(1);
  reporter.add({ step: 1_501n });
  receiver.isAway = false;
  await clock.advance(4_000);
  expect(receiver.reports[1]?.steps).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 502));
  await stop();
});

test("passes on the order to stop", async () => {
  const { receiver, halt, clock, stop } = start();
  receiver.directive = Directive.STOP;
  await clock.advance(2_000);
  expect(halt.cause).toBe("stopped");
  await stop();
});
