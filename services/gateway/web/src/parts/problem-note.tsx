import { ApiProblem } from "../api/problem.ts";

/** A refused request in words: what is wrong, at which field, and what would be right. */
export function ProblemNote({ error }: { readonly error: unknown }) {
  const problem = error instanceof ApiProblem ? error.problem : undefined;
  const message = error instanceof Error ? error.message : String(error);
  return (
    <div role="alert" className="rounded-lg border border-red-200 bg-red-50 px-4 py-3 text-sm text-bad">
      <p className="font-medium">{message}</p>
      {problem?.violations?.map((violation) => (
        <p key={violation.field + violation.description} className="mt-1">
          <code>{violation.field}</code>: {violation.description}
        </p>
      ))}
      {problem?.request_id && <p className="mt-1 text-xs opacity-70">Request {problem.request_id}</p>}
    </div>
  );
}
