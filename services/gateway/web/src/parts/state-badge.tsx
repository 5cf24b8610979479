import type { Job_StateJson } from "@gradients/contracts/gateway";

const looks: Record<Job_StateJson, { readonly text: string; readonly className: string }> = {
  STATE_UNSPECIFIED: { text: "Unknown", className: "bg-slate-100 text-slate-700" },
  STATE_ACCEPTED: { text: "Preparing data", className: "bg-sky-100 text-sky-800" },
  STATE_QUEUED: { text: "Waiting for machines", className: "bg-sky-100 text-sky-800" },
  STATE_RACING: { text: "Racing", className: "bg-indigo-100 text-indigo-800" },
  STATE_EVALUATING: { text: "Evaluating", className: "bg-violet-100 text-violet-800" },
  STATE_SUCCEEDED: { text: "Done", className: "bg-emerald-100 text-emerald-800" },
  STATE_FAILED: { text: "Failed", className: "bg-red-100 text-red-800" },
  STATE_CANCELLED: { text: "Cancelled", className: "bg-slate-200 text-slate-700" },
};

export function StateBadge({ state }: { readonly state: Job_StateJson | undefined }) {
  const look = looks[state ?? "STATE_UNSPECIFIED"];
  return (
    <span className={`rounded-full px-2.5 py-0.5 text-xs font-medium ${look.className}`}>{look.text}</span>
  );
}

export function isOver(state: Job_StateJson | undefined): boolean {
  return state === "STATE_SUCCEEDED" || state === "STATE_FAILED" || state === "STATE_CANCELLED";
}
