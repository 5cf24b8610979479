import { setTimeout as sleep } from "node:timers/promises";
import { GatewayService } from "@gradients/contracts/gateway";
import { createRpcClient, type RpcClient } from "@gradients/rpc";
import { mayRetry } from "./customer.ts";

export interface ReadReport {
  readonly calls: number;
  /** That needed more than one try of the caller. */
  readonly retried: number;
  /** From a call's first try to its answer, in milliseconds. */
  readonly waits: readonly number[];
  /** Refusals that no retry would change, and calls without an answer in time. */
  readonly failures: readonly string[];
}

interface Door {
  readonly targets: { readonly gateway: string };
  readonly apiKey: string;
}

type Ask = (gateway: RpcClient<typeof GatewayService>) => Promise<unknown>;

const PATIENCE_MS = 60_000;
const RETRY_MS = 100;
const PAUSE_MS = 100;

/** `width` callers, each with a connection of its own, ask in turn until the signal comes; what is not answered is asked again. */
export async function steadyReads(
  door: Door,
  asks: readonly Ask[],
  width: number,
  over: AbortSignal,
): Promise<ReadReport> {
  const report = { calls: 0, retried: 0, waits: [] as number[], failures: [] as string[] };
  const caller = async () => {
    const target = door.targets.gateway;
    const gateway = createRpcClient(GatewayService, {
      target,
      token: door.apiKey,
      defaultDeadlineMs: 10_000,
    });
    for (let index = 0; !over.aborted; index += 1) {
      const { tries, failure, ms } = await persist(() => asks[index % asks.length]?.(gateway));
      report.calls += 1;
      if (tries > 1) report.retried += 1;
      report.waits.push(ms);
      if (failure !== undefined) report.failures.push(failure);
      await sleep(PAUSE_MS);
    }
    gateway.close();
  };
  await Promise.all(Array.from({ length: width }, caller));
  return report;
}

async function persist(ask: () => Promise<unknown> | undefined) {
  const start = performance.now();
  for (let tries = 1; ; tries += 1) {
    try {
      await ask();
      return { tries, ms: performance.now() - start };
    } catch (error) {
      const ms = performance.now() - start;
      if (!mayRetry(error) || ms > PATIENCE_MS) return { tries, ms, failure: String(error) };
    }
    await sleep(RETRY_MS);
  }
}
