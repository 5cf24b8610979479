import { on, PermanentError } from "@gradients/bus";
import { RewardCreditedSchema } from "@gradients/contracts/event";
import { recordReward } from "../app/record-payments.ts";
import type { GatewayTables } from "../store/schema.ts";

export const onRewardCredited = () =>
  on<typeof RewardCreditedSchema, GatewayTables>(RewardCreditedSchema, (message, { tx }) => {
    const { rewardId, genesisHash, epoch, hotkey, amountRao, blockNumber } = message;
    if (!/^\d{1,39}$/.test(amountRao))
      throw new PermanentError(`The amount "${amountRao}" is no number of RAO`);
    return recordReward(tx, {
      rewardId,
      genesisHash,
      epoch,
      hotkey,
      amountRao: BigInt(amountRao),
      blockNumber,
    });
  });
