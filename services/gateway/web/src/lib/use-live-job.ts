import type { AttemptProgressJson, ProgressPointJson } from "@gradients/contracts/event";
import type { JobJson, WatchJobResponseJson } from "@gradients/contracts/gateway";
import { useEffect, useState } from "react";
import { watchJob } from "../api/watch.ts";
import { addProgress, type Curves } from "./curves.ts";

/** A job as its event stream tells it. */
export interface LiveJob {
  readonly job: JobJson | undefined;
  readonly curves: Curves;
  readonly latest: ReadonlyMap<string, ProgressPointJson>;
  readonly phases: ReadonlyMap<string, string>;
  readonly connected: boolean;
}

const nothing: LiveJob = {
  job: undefined,
  curves: new Map(),
  latest: new Map(),
  phases: new Map(),
  connected: false,
};

/** Follows the job for as long as the component lives. Events of one frame are shown together. */
export function useLiveJob(name: string): LiveJob {
  const [live, setLive] = useState(nothing);
  useEffect(() => {
    const abort = new AbortController();
    let waiting: WatchJobResponseJson[] = [];
    const flush = () => {
      const events = waiting;
      waiting = [];
      setLive((before) => events.reduce(applyEvent, before));
    };
    const onEvent = (event: WatchJobResponseJson) => {
      if (waiting.push(event) === 1) setTimeout(flush, 50);
    };
    void watchJob(
      name,
      { onEvent, onConnection: (connected) => setLive((before) => ({ ...before, connected })) },
      abort.signal,
    );
    return () => abort.abort();
  }, [name]);
  return live;
}

function applyEvent(live: LiveJob, event: WatchJobResponseJson): LiveJob {
  if (event.job) return { ...live, job: event.job };
  return event.progress ? applyProgress(live, event.progress) : live;
}

function applyProgress(live: LiveJob, progress: AttemptProgressJson): LiveJob {
  const attemptId = progress.attemptId ?? "";
  const point = progress.points?.at(-1);
  return {
    ...live,
    curves: addProgress(live.curves, progress),
    latest: point && !progress.evaluationId ? new Map(live.latest).set(attemptId, point) : live.latest,
    phases: progress.phase ? new Map(live.phases).set(attemptId, progress.phase) : live.phases,
  };
}
