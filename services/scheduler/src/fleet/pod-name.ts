/** One placement's pod, in whatever fleet. */
export function podName(attemptId: string, epoch: number): string {
  return `attempt-${attemptId}-e${epoch}`;
}

/** Whose pod has that name; no attempt's for a name that is none of these. */
export function placementOf(podName: string): { readonly attemptId: string; readonly epoch: number } {
  const [, attemptId = "", epoch = "0"] = /^attempt-(.+)-e(\d+)$/.exec(podName) ?? [];
  return { attemptId, epoch: Number(epoch) };
}
