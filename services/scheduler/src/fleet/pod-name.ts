export function podName(attemptId: string, epoch: number): string {
  return `attempt-${attemptId}-e${epoch}`;
}
