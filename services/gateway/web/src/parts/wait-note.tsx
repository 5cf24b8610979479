import type { JobJson, WaitingJson } from "@gradients/contracts/gateway";
import { formatSeconds } from "../lib/format.ts";
import { useSecondsSince } from "../lib/use-seconds-since.ts";

/** What a contestant waits for, for how long already, and what its customer can do. */
export function WaitNote({ waiting }: { readonly waiting: WaitingJson }) {
  return (
    <div className="space-y-1 rounded-lg border border-amber-200 bg-amber-50 p-3 text-sm">
      <p className="font-medium text-warn" role="status">
        {waiting.message}
      </p>
      <p>{waiting.advice}</p>
      <p className="text-muted tabular-nums">
        Waiting for {formatSeconds(useSecondsSince(waiting.since))}, which does not count as training time.
      </p>
    </div>
  );
}

/** While a race has no machines yet. */
export function QueueNote({ job }: { readonly job: JobJson }) {
  return (
    <p className="text-sm text-muted tabular-nums">
      Ordered {formatSeconds(useSecondsSince(job.createTime))} ago. All contestants start together, by
      themselves, as soon as there are machines for all of them.
    </p>
  );
}
