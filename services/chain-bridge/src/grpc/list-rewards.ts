import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ListRewardsRequest, ListRewardsResponseSchema } from "@gradients/contracts/chain";
import type { Deps } from "../deps.ts";
import { listRewards as rewardsOf, sumRewards } from "../store/rewards.ts";
import { askedChain } from "./chain-key.ts";

/** The newest ones that an answer lists; the totals count all. */
const MAX_REWARDS = 1_000;

export const listRewards =
  (deps: Deps) =>
  async (request: ListRewardsRequest): Promise<MessageInitShape<typeof ListRewardsResponseSchema>> => {
    const key = await askedChain(deps);
    if (!key) return {};
    const hotkey = request.hotkey || undefined;
    const [rewards, totals] = await Promise.all([
      rewardsOf(deps.db, key, hotkey, MAX_REWARDS),
      sumRewards(deps.db, key, hotkey),
    ]);
    return {
      rewards: rewards.map((reward) => ({ ...reward, amountRao: reward.amountRao.toString() })),
      totals: totals.map((total) => ({ hotkey: total.hotkey, amountRao: total.amountRao.toString() })),
    };
  };
