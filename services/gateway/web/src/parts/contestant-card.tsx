import type { ProgressPointJson } from "@gradients/contracts/event";
import type { Attempt_StateJson, JobJson } from "@gradients/contracts/gateway";
import type { Contestant } from "../lib/contestants.ts";
import { formatCount, formatLoss, formatSeconds, shortHotkey } from "../lib/format.ts";
import { WaitNote } from "./wait-note.tsx";

const states: Record<Attempt_StateJson, string> = {
  STATE_UNSPECIFIED: "unknown",
  STATE_QUEUED: "waiting",
  STATE_RUNNING: "running",
  STATE_SUCCEEDED: "finished",
  STATE_FAILED: "failed",
  STATE_CANCELLED: "stopped",
};

interface Props {
  readonly contestant: Contestant;
  readonly latest: ProgressPointJson | undefined;
  readonly phase: string | undefined;
  readonly job: JobJson;
}

/** One contestant's figures while it trains and after. */
export function ContestantCard({ contestant, latest, phase, job }: Props) {
  const { attempt, colour, title } = contestant;
  const done = attempt.state === "STATE_SUCCEEDED" ? 1 : shareOfBudget(latest, job);
  return (
    <article className="card space-y-3">
      <header className="flex items-start justify-between gap-2">
        <div>
          <h3 className="flex items-center gap-2 font-medium">
            <span className="size-3 rounded-full" style={{ background: colour }} />
            {title}
          </h3>
          <p className="font-mono text-xs text-muted" title={attempt.contestantHotkey}>
            {shortHotkey(attempt.contestantHotkey)}
          </p>
        </div>
        <span className="text-xs text-muted">
          {attempt.state === "STATE_RUNNING" && phase ? phase : states[attempt.state ?? "STATE_UNSPECIFIED"]}
        </span>
      </header>
      <div
        className="h-2 overflow-hidden rounded-full bg-slate-100"
        role="progressbar"
        aria-label={`${title}: share of training time used`}
        aria-valuenow={Math.round(done * 100)}
        aria-valuemin={0}
        aria-valuemax={100}
      >
        <div
          className="h-full rounded-full transition-[width]"
          style={{ width: `${done * 100}%`, background: colour }}
        />
      </div>
      <dl className="grid grid-cols-4 gap-2 text-sm">
        <Figure name="loss" value={formatLoss(latest?.loss ?? attempt.stats?.finalLoss)} />
        <Figure
          name="tokens/s"
          value={latest ? formatCount(Math.round(Number(latest.tokensPerSecond ?? 0))) : "–"}
        />
        <Figure name="examples" value={formatCount(latest?.examples ?? attempt.stats?.examples)} />
        <Figure
          name="left"
          value={
            attempt.state === "STATE_RUNNING" && latest ? formatSeconds(Number(latest.etaSeconds ?? 0)) : "–"
          }
        />
      </dl>
      {attempt.waiting && <WaitNote waiting={attempt.waiting} />}
      {attempt.failure && <p className="text-sm text-bad">{attempt.failure.message}</p>}
    </article>
  );
}

function Figure({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt className="label">{name}</dt>
      <dd className="font-medium tabular-nums">{value}</dd>
    </div>
  );
}

function shareOfBudget(latest: ProgressPointJson | undefined, job: JobJson): number {
  const budget = job.budgetSeconds ?? 0;
  return budget === 0 ? 0 : Math.min(1, Number(latest?.trainSeconds ?? 0) / budget);
}
