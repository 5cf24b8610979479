import { type Job, jobs, type KubeClient, pathOf, RateLimiter, Reflector } from "@gradients/kube";
import { createLogger } from "@gradients/runtime";

export interface JobNews {
  readonly name: string;
  readonly version: string;
  readonly attemptId: string;
  readonly jobId: string;
  readonly isSuspended: boolean;
  /** It is there no more, or asked to leave. */
  readonly isLeaving: boolean;
  readonly isComplete: boolean;
}

const UNLIMITED = { perSecond: 10_000, burst: 10_000 };

/** Tells what happens to a namespace's Jobs, in a process that may be too slow for a watch to last. Ends with the signal. */
export async function followJobs(
  { transport, namespace }: KubeClient,
  onNews: (news: JobNews, at: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const reflector = new Reflector<Job, JobNews>({
    name: "jobs",
    path: pathOf(jobs, namespace),
    slim: newsOf,
    onChange: ({ kind, object }) => {
      const at = performance.now();
      onNews(kind === "deleted" ? { ...object, isLeaving: true } : object, at);
    },
    transport,
    limiter: new RateLimiter(UNLIMITED),
    logger: createLogger({ service: "bench", level: "warn" }),
  });
  void reflector.run(signal);
  await reflector.synced;
}

function newsOf({ metadata, spec, status }: Job): JobNews {
  return {
    name: metadata?.name ?? "",
    version: metadata?.resourceVersion ?? "",
    attemptId: metadata?.labels?.["gradients.io/attempt"] ?? "",
    jobId: metadata?.labels?.["gradients.io/job"] ?? "",
    isSuspended: spec?.suspend === true,
    isLeaving: metadata?.deletionTimestamp !== undefined,
    isComplete: status?.conditions?.some(({ type }) => type === "Complete") ?? false,
  };
}
