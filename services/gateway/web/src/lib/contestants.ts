import type { AttemptJson, JobJson } from "@gradients/contracts/gateway";

const colours = ["#4f46e5", "#d97706", "#059669", "#db2777", "#0284c7", "#7c3aed", "#65a30d", "#dc2626"];

/** An attempt with what the page needs to show it the same way everywhere. */
export interface Contestant {
  readonly attemptId: string;
  readonly title: string;
  readonly colour: string;
  readonly attempt: AttemptJson;
}

export function contestantsOf(job: JobJson): readonly Contestant[] {
  return (job.attempts ?? []).map((attempt, index) => ({
    attemptId: attempt.attemptId ?? "",
    title: attempt.recipeTitle ?? attempt.recipe ?? "contestant",
    colour: colours[index % colours.length] ?? "#64748b",
    attempt,
  }));
}
