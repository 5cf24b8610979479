import type { JobJson } from "@gradients/contracts/gateway";
import type { Contestant } from "../lib/contestants.ts";
import { formatTao, shortHotkey } from "../lib/format.ts";

/** What the chain paid this job's contestants so far, one line per hotkey. */
export function Payments({
  job,
  contestants,
}: {
  readonly job: JobJson;
  readonly contestants: readonly Contestant[];
}) {
  const totals = new Map<string, bigint>();
  for (const payment of job.payments ?? []) {
    const hotkey = payment.contestantHotkey ?? "";
    totals.set(hotkey, (totals.get(hotkey) ?? 0n) + BigInt(payment.amountRao ?? "0"));
  }
  if (totals.size === 0) return null;
  return (
    <section className="card">
      <h2 className="mb-2 font-semibold">Paid by the chain</h2>
      <ul className="space-y-1 text-sm">
        {[...totals].map(([hotkey, rao]) => (
          <li key={hotkey} className="flex justify-between">
            <span>
              {contestants.find((contestant) => contestant.attempt.contestantHotkey === hotkey)?.title ??
                "other"}{" "}
              <span className="font-mono text-xs text-muted">{shortHotkey(hotkey)}</span>
            </span>
            <span className="font-medium tabular-nums">{formatTao(rao.toString())} TAO</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
