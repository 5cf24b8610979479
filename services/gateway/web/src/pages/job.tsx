import type { JobJson } from "@gradients/contracts/gateway";
import { useMutation, useQuery } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { api } from "../api/client.ts";
import { contestantsOf } from "../lib/contestants.ts";
import { useLiveJob } from "../lib/use-live-job.ts";
import { Answers } from "../parts/answers.tsx";
import { ContestantCard } from "../parts/contestant-card.tsx";
import { Downloads } from "../parts/downloads.tsx";
import { Leaderboard } from "../parts/leaderboard.tsx";
import { Payments } from "../parts/payments.tsx";
import { PhaseLine } from "../parts/phase-line.tsx";
import { ProblemNote } from "../parts/problem-note.tsx";
import { RacePlot } from "../parts/race-plot.tsx";
import { isOver, StateBadge } from "../parts/state-badge.tsx";
import { QueueNote } from "../parts/wait-note.tsx";

const route = getRouteApi("/jobs/$jobId");

export function JobPage() {
  const { jobId } = route.useParams();
  const caller = useQuery({ queryKey: ["caller"], queryFn: api.caller });
  const project = caller.data?.project;
  if (caller.error) return <ProblemNote error={caller.error} />;
  return project === undefined ? (
    <p className="text-muted">Loading …</p>
  ) : (
    <LiveJob key={jobId} name={`${project}/jobs/${jobId}`} />
  );
}

function LiveJob({ name }: { readonly name: string }) {
  const first = useQuery({ queryKey: ["job", name], queryFn: () => api.job(name) });
  const live = useLiveJob(name);
  const job = live.job ?? first.data;
  if (first.error) return <ProblemNote error={first.error} />;
  if (job === undefined) return <p className="text-muted">Loading …</p>;
  const contestants = contestantsOf(job);
  return (
    <div className="space-y-5">
      <Heading job={job} connected={live.connected} />
      {job.failure && <ProblemNote error={new Error(job.failure.message)} />}
      {job.verdict && <Leaderboard verdict={job.verdict} contestants={contestants} />}
      {contestants.some(({ attempt }) => attempt.startTime) && (
        <RacePlot curves={live.curves} contestants={contestants} />
      )}
      <div className="grid gap-4 md:grid-cols-2 lg:grid-cols-3">
        {contestants.map((contestant) => (
          <ContestantCard
            key={contestant.attemptId}
            contestant={contestant}
            job={job}
            latest={live.latest.get(contestant.attemptId) ?? contestant.attempt.latest}
            phase={live.phases.get(contestant.attemptId) ?? contestant.attempt.phase}
          />
        ))}
      </div>
      {job.verdict && <Answers verdict={job.verdict} />}
      <div className="grid gap-4 md:grid-cols-2">
        {job.state === "STATE_SUCCEEDED" && <Downloads jobName={name} />}
        <Payments job={job} contestants={contestants} />
      </div>
      <Fairness job={job} />
    </div>
  );
}

function Heading({ job, connected }: { readonly job: JobJson; readonly connected: boolean }) {
  const cancel = useMutation({ mutationFn: () => api.cancelJob(job.name ?? "") });
  return (
    <header className="card flex flex-wrap items-center justify-between gap-4">
      <div className="space-y-2">
        <h1 className="flex items-center gap-3 text-lg font-semibold">
          {job.displayName || job.name?.split("/").at(-1)} <StateBadge state={job.state} />
        </h1>
        <PhaseLine job={job} />
        <p className="text-sm text-muted">
          {job.model?.replace("models/", "")} · {job.budgetSeconds} s of training for each contestant
          {job.heldoutRows ? ` · ${job.trainRows} training rows, ${job.heldoutRows} held out` : ""}
        </p>
        {job.state === "STATE_QUEUED" && <QueueNote job={job} />}
        {leftOut(job) && <p className="text-sm text-muted">Left out: {leftOut(job)}</p>}
      </div>
      <div className="flex items-center gap-3">
        {!isOver(job.state) && (
          <span className={`text-xs ${connected ? "text-good" : "text-warn"}`}>
            {connected ? "● live" : "○ reconnecting"}
          </span>
        )}
        {!isOver(job.state) && (
          <button
            type="button"
            className="button"
            disabled={cancel.isPending}
            onClick={() => cancel.mutate()}
          >
            Cancel
          </button>
        )}
        {cancel.error && <ProblemNote error={cancel.error} />}
      </div>
    </header>
  );
}

/** Rows that take no part, by reason; those too long to train on are known once an attempt has ended. */
function leftOut(job: JobJson): string {
  const dropped = Object.entries(job.droppedRows ?? {}).map(
    ([reason, rows]) => `${rows} ${reason.replaceAll("_", " ")}`,
  );
  const long = Math.max(0, ...(job.attempts ?? []).map(({ stats }) => Number(stats?.rowsLeftOut ?? 0)));
  const trained = long > 0 ? [`${long} too long to train on (over ${job.maxLength} tokens)`] : [];
  return [...dropped, ...trained].join(", ");
}

function Fairness({ job }: { readonly job: JobJson }) {
  if (!job.heldoutCommitment) return null;
  return (
    <details className="card text-sm">
      <summary className="cursor-pointer font-semibold">How you can check this</summary>
      <p className="mt-2 text-muted">
        The held-out rows were fixed before training: this hash was published then. With the verdict come the
        salt and the rows themselves: SHA-256 over the salt and heldout.jsonl must be this hash. The evidence
        file holds every example's score, from which the ranking follows.
      </p>
      <p className="mt-2 font-mono text-xs break-all">commitment {job.heldoutCommitment}</p>
      {job.verdict && <p className="font-mono text-xs break-all">salt {job.verdict.revealedSalt}</p>}
      {job.verdict && (
        <p className="font-mono text-xs break-all">evidence sha256 {job.verdict.evidenceSha256}</p>
      )}
      {job.verdict && <VerifyCommand job={job} />}
    </details>
  );
}

function VerifyCommand({ job }: { readonly job: JobJson }) {
  return (
    <>
      <p className="mt-3 text-muted">
        Download evidence.json and heldout.jsonl above; in a copy of the Gradients source one command checks
        all of it:
      </p>
      <pre className="mt-2 overflow-auto rounded-lg bg-slate-50 p-3 text-xs">
        {`npm run verify -- evidence.json --heldout heldout.jsonl \\\n  --commitment ${job.heldoutCommitment} \\\n  --sha256 ${job.verdict?.evidenceSha256}`}
      </pre>
    </>
  );
}
