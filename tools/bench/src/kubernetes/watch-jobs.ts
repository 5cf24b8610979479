import { type Job, jobs, type KubeClient, pathOf } from "@gradients/kube";

export interface JobNews {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly job: Job;
  /** By the clock of this process. */
  readonly at: number;
}

const IDLE_MS = 600_000;

/** Tells what happens to a namespace's Jobs from now on, as the API server's own watch has it. Ends with the signal. */
export async function watchJobs(
  { transport, namespace }: KubeClient,
  onNews: (news: JobNews) => void,
  signal: AbortSignal,
): Promise<void> {
  const path = pathOf(jobs, namespace);
  const list = await transport.call<{ readonly metadata: { readonly resourceVersion: string } }>({
    method: "GET",
    path,
    query: { limit: "1" },
  });
  const query = { watch: "true", resourceVersion: list.metadata.resourceVersion };
  const follow = async () => {
    for await (const line of transport.lines({ method: "GET", path, query, signal }, IDLE_MS)) {
      if (line.trim() === "") continue;
      const { type, object } = JSON.parse(line) as { readonly type: string; readonly object: Job };
      if (type === "ADDED" || type === "MODIFIED" || type === "DELETED")
        onNews({ type, job: object, at: performance.now() });
    }
  };
  void follow().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
