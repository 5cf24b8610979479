import type { JobView, Payment } from "./job.ts";

/** Hotkeys that this job's verdict ranks: the only ones that the chain pays for it. */
export function paidHotkeys({ job }: JobView): readonly string[] {
  const ranked = job.verdict?.ranking.filter(({ rank }) => rank > 0) ?? [];
  return [...new Set(ranked.map(({ contestantHotkey }) => contestantHotkey))];
}

/** False when a payment of this block or a later one is in the totals, so that they cannot tell whether this one is too. */
export function isNewest(totals: readonly Payment[], { contestantHotkey, blockNumber }: Payment): boolean {
  return totals.every(
    (total) => total.contestantHotkey !== contestantHotkey || total.blockNumber < blockNumber,
  );
}

/** The totals, one for each hotkey, after a payment newer than all of its hotkey's in them. */
export function addPayment(totals: readonly Payment[], payment: Payment): readonly Payment[] {
  const known = totals.find(({ contestantHotkey }) => contestantHotkey === payment.contestantHotkey);
  if (!known) return [...totals, payment];
  const sum = { ...payment, amountRao: known.amountRao + payment.amountRao };
  return totals.map((total) => (total === known ? sum : total));
}
