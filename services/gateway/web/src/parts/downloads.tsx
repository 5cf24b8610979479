import { useQuery } from "@tanstack/react-query";
import { api } from "../api/client.ts";
import { formatBytes } from "../lib/format.ts";
import { ProblemNote } from "./problem-note.tsx";

/** The best model's files, the evidence and the held-out rows, by links that work for a limited time. */
export function Downloads({ jobName }: { readonly jobName: string }) {
  const { data, error } = useQuery({
    queryKey: ["result", jobName],
    queryFn: () => api.result(jobName),
    staleTime: 5 * 60_000,
  });
  if (error) return <ProblemNote error={error} />;
  const proof = [data?.evidence, data?.heldout].filter((file) => file !== undefined);
  const files = [...(data?.files ?? []), ...proof];
  return (
    <section className="card">
      <h2 className="mb-2 font-semibold">Download</h2>
      <ul className="divide-y divide-line text-sm">
        {files.map((file) => (
          <li key={file.fileName} className="flex items-center justify-between gap-4 py-2">
            <div className="min-w-0">
              <a className="font-medium text-brand hover:underline" href={file.url} download={file.fileName}>
                {file.fileName}
              </a>
              <p className="truncate font-mono text-xs text-muted">sha256 {file.sha256}</p>
            </div>
            <span className="text-muted tabular-nums">{formatBytes(file.size)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
