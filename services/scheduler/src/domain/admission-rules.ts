/** How the slots of a hardware class are shared. */
export interface AdmissionRules {
  /** By account; the others have the common ones. */
  readonly accounts: Readonly<Record<string, OwnRules>>;
  readonly common: AccountRules;
  /** What has waited for longer goes before everything of its priority, by age alone: no share can hold it up for ever. */
  readonly patienceSeconds: number;
}

export interface AccountRules {
  /** Work of a higher one goes first, always. */
  readonly priority: number;
  /** Of two accounts that both wait, one of twice the weight gets twice the slots. */
  readonly weight: number;
  /** Slots of one class that the account may hold at a time; null for as many as there are. */
  readonly maxSlots: number | null;
}

type OwnRules = { readonly [K in keyof AccountRules]?: AccountRules[K] | undefined };

export function rulesOf({ accounts, common }: AdmissionRules, accountId: string): AccountRules {
  const own = Object.hasOwn(accounts, accountId) ? accounts[accountId] : undefined;
  return {
    priority: own?.priority ?? common.priority,
    weight: own?.weight ?? common.weight,
    maxSlots: own?.maxSlots === undefined ? common.maxSlots : own.maxSlots,
  };
}
