import { type Rao, rao } from "@gradients/kernel";

/** One IncentiveAlphaEmittedToMiners event: alpha RAO by uid. */
export interface Emission {
  readonly mecid: number;
  readonly amounts: readonly Rao[];
}

/** Who held a uid in the block before the emission; uids may change hands within the block itself. */
export interface Payee {
  readonly uid: number;
  readonly hotkey: string;
  readonly coldkey: string;
  /** Hotkey that the coldkey has its rewards staked on; the own one when undefined. */
  readonly autoStakeHotkey: string | undefined;
}

export interface SubnetOwner {
  readonly hotkey: string;
  readonly coldkey: string;
}

export interface Reward {
  readonly mecid: number;
  readonly uid: number;
  readonly hotkey: string;
  readonly coldkey: string;
  readonly destinationHotkey: string;
  readonly amountRao: Rao;
  /** Withheld: the uid belongs to the subnet's owner, and the chain burns or recycles what it earned. */
  readonly status: "paid" | "withheld";
}

/** What an emission paid to whom (chain.md 4.3). Uids that got nothing give no reward. */
export function rewardsOf(
  { mecid, amounts }: Emission,
  payees: readonly Payee[],
  owner: SubnetOwner,
): Reward[] {
  return payees.flatMap(({ uid, hotkey, coldkey, autoStakeHotkey }) => {
    const amountRao = amounts[uid];
    if (amountRao === undefined || amountRao === 0n) return [];
    const status = hotkey === owner.hotkey || coldkey === owner.coldkey ? "withheld" : "paid";
    return [{ mecid, uid, hotkey, coldkey, destinationHotkey: autoStakeHotkey ?? hotkey, amountRao, status }];
  });
}

export interface LedgerEntry {
  readonly account: string;
  /** Positive is a credit. */
  readonly amountRao: Rao;
}

/** Double entry: out of the subnet's emission, into the hotkey's account or the burn. Sums to zero. */
export function ledgerEntriesOf(reward: Reward, netuid: number): readonly [LedgerEntry, LedgerEntry] {
  const account = reward.status === "paid" ? `hotkey:${reward.hotkey}` : `burn:${netuid}`;
  return [
    { account: `emission:${netuid}`, amountRao: rao(-(reward.amountRao as bigint)) },
    { account, amountRao: reward.amountRao },
  ];
}
