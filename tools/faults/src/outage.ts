import { ChainService } from "@gradients/contracts/chain";
import { GatewayService } from "@gradients/contracts/gateway";
import { SchedulerService } from "@gradients/contracts/scheduler";
import { ScorerService } from "@gradients/contracts/scorer";
import { createRpcClient } from "@gradients/rpc";
import type { ServiceName, System } from "./system.ts";

/** How each service answers a question that takes its database; a thrown error is the answer. */
export async function askEveryService({
  targets,
  apiKey,
}: System): Promise<Readonly<Record<ServiceName, unknown>>> {
  const options = { defaultDeadlineMs: 30_000 };
  using gateway = closing(
    createRpcClient(GatewayService, { ...options, target: targets.gateway, token: apiKey }),
  );
  using scheduler = closing(createRpcClient(SchedulerService, { ...options, target: targets.scheduler }));
  using scorer = closing(createRpcClient(ScorerService, { ...options, target: targets.scorer }));
  using chain = closing(createRpcClient(ChainService, { ...options, target: targets["chain-bridge"] }));
  const answers = {
    gateway: gateway.client.listModels({}),
    scheduler: scheduler.client.getAttempt({ attemptId: "none" }),
    scorer: scorer.client.getVerdict({ jobId: "none" }),
    "chain-bridge": chain.client.listRewards({}),
  };
  const settled = await Promise.all(
    Object.entries(answers).map(async ([name, answer]) => [
      name,
      await answer.catch((error: unknown) => error),
    ]),
  );
  return Object.fromEntries(settled) as Record<ServiceName, unknown>;
}

function closing<C extends { close(): void }>(client: C) {
  return { client, [Symbol.dispose]: () => client.close() };
}
