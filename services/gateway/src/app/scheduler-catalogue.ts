import type { HardwareClass, Recipe, SchedulerService } from "@gradients/contracts/scheduler";
import type { Clock } from "@gradients/kernel";
import type { RpcClient } from "@gradients/rpc";
import { Refused } from "../domain/refusal.ts";

/** What the scheduler offers: the same for all customers and slow to change. */
export interface SchedulerCatalogue {
  recipes(): Promise<readonly Recipe[]>;
  hardwareClasses(): Promise<readonly HardwareClass[]>;
}

const FRESH_MS = 10_000;

type Client = Pick<RpcClient<typeof SchedulerService>, "listRecipes" | "listHardwareClasses">;

/** Asks the scheduler at most every ten seconds; while it is away the last answer goes on to count. */
export function createSchedulerCatalogue(client: Client, clock: Clock): SchedulerCatalogue {
  return {
    recipes: cached(clock, async () => (await client.listRecipes({})).recipes),
    hardwareClasses: cached(clock, async () => (await client.listHardwareClasses({})).hardwareClasses),
  };
}

function cached<T>(clock: Clock, load: () => Promise<readonly T[]>): () => Promise<readonly T[]> {
  let last: { readonly value: readonly T[]; readonly at: number } | undefined;
  return async () => {
    if (last && clock.elapsedMs() - last.at < FRESH_MS) return last.value;
    try {
      last = { value: await load(), at: clock.elapsedMs() };
    } catch (cause) {
      if (!last) throw new Refused({ code: "scheduler_unavailable", cause });
    }
    return last.value;
  };
}
