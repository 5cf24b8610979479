import type { JobJson } from "@gradients/contracts/gateway";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api } from "../api/client.ts";
import { ProblemNote } from "../parts/problem-note.tsx";
import { StateBadge } from "../parts/state-badge.tsx";

export function JobsPage() {
  const caller = useQuery({ queryKey: ["caller"], queryFn: api.caller });
  const project = caller.data?.project;
  const jobs = useQuery({
    queryKey: ["jobs", project],
    queryFn: () => api.jobs(project ?? ""),
    enabled: project !== undefined,
    refetchInterval: 5_000,
  });
  const error = caller.error ?? jobs.error;
  if (error) return <ProblemNote error={error} />;
  if (jobs.data === undefined) return <p className="text-muted">Loading …</p>;
  const list = jobs.data.jobs ?? [];
  return list.length === 0 ? <FirstJob /> : <JobTable jobs={list} />;
}

function FirstJob() {
  return (
    <section className="card mt-10 text-center">
      <h1 className="text-xl font-semibold">Start your first race</h1>
      <p className="mx-auto mt-2 max-w-lg text-sm text-muted">
        Bring a data set, pick a base model, and several contestants train it with recipes of their own on
        equal machines. You get the best model with the proof.
      </p>
      <Link to="/new" className="button button-primary mt-4">
        New job
      </Link>
    </section>
  );
}

function JobTable({ jobs }: { readonly jobs: readonly JobJson[] }) {
  return (
    <section className="card">
      <h1 className="mb-3 text-lg font-semibold">Jobs</h1>
      <table className="w-full text-sm">
        <tbody>
          {jobs.map((job) => (
            <tr key={job.name} className="border-t border-line first:border-0">
              <td className="py-2.5">
                <Link
                  to="/jobs/$jobId"
                  params={{ jobId: idOf(job) }}
                  className="font-medium text-brand hover:underline"
                >
                  {job.displayName || idOf(job)}
                </Link>
              </td>
              <td className="text-muted">{job.model?.replace("models/", "")}</td>
              <td>
                <StateBadge state={job.state} />
              </td>
              <td className="text-right text-muted">
                {job.createTime && new Date(job.createTime).toLocaleString()}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

const idOf = (job: JobJson): string => job.name?.split("/").at(-1) ?? "";
