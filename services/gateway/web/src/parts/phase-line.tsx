import type { Job_StateJson, JobJson } from "@gradients/contracts/gateway";

const phases: readonly { readonly text: string; readonly states: readonly Job_StateJson[] }[] = [
  { text: "Accepted", states: ["STATE_ACCEPTED"] },
  { text: "Queued", states: ["STATE_QUEUED"] },
  { text: "Race", states: ["STATE_RACING"] },
  { text: "Evaluation", states: ["STATE_EVALUATING"] },
  { text: "Verdict", states: ["STATE_SUCCEEDED"] },
];

/** Where the job is on its way from accepted to verdict. */
export function PhaseLine({ job }: { readonly job: JobJson }) {
  const current = phases.findIndex((phase) => job.state !== undefined && phase.states.includes(job.state));
  return (
    <ol className="flex flex-wrap items-center gap-2 text-sm">
      {phases.map((phase, index) => (
        <li
          key={phase.text}
          className="flex items-center gap-2"
          aria-current={index === current ? "step" : undefined}
        >
          <span className={`size-2.5 rounded-full ${dot(index, current, job.state)}`} />
          <span className={index === current ? "font-medium" : "text-muted"}>{phase.text}</span>
          {index < phases.length - 1 && <span className="mx-1 h-px w-6 bg-line" />}
        </li>
      ))}
    </ol>
  );
}

function dot(index: number, current: number, state: Job_StateJson | undefined): string {
  if (state === "STATE_SUCCEEDED" || index < current) return "bg-good";
  return index === current ? "animate-pulse bg-brand" : "bg-line";
}
