/** How the slots of a hardware class are shared. */
export interface AdmissionRules {
  /** By account; the others have the common ones. */
  readonly accounts: Readonly<Record<string, OwnRules>>;
  readonly common: AccountRules;
  /** What has waited for longer goes before everything of its priority, by age alone: no share can hold it up for ever. */
  readonly patienceSeconds: number;
  /** By name. A class in none of them has its slots to itself. */
  readonly pools: Readonly<Record<string, Pool>>;
}

/** Machines that several hardware classes are cut from: whole servers, single GPUs, slices of them. */
export interface Pool {
  /** What there is of them, in any unit; GPUs, mostly. */
  readonly units: number;
  /** By hardware class: what one slot of it takes. */
  readonly classes: Readonly<Record<string, number>>;
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

/** What is wrong with the pools, as a sentence. */
export function poolProblem(
  { pools }: Pick<AdmissionRules, "pools">,
  classes: readonly string[],
): string | undefined {
  const poolOf = new Map<string, string>();
  for (const [pool, { units, classes: shares }] of Object.entries(pools))
    for (const [name, takes] of Object.entries(shares)) {
      if (!classes.includes(name))
        return `The pool "${pool}" names the hardware class "${name}", which is none`;
      if (poolOf.has(name))
        return `The hardware class "${name}" is in the pools "${poolOf.get(name)}" and "${pool}"`;
      if (takes > units)
        return `A slot of "${name}" takes ${takes} of the pool "${pool}", which has ${units}`;
      poolOf.set(name, pool);
    }
  return undefined;
}
