import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type WatchJobResponse, WatchJobResponseSchema } from "@gradients/contracts/gateway";
import type { Clock, JobId } from "@gradients/kernel";
import type { Logger, Part } from "@gradients/runtime";
import type { GatewayDatabase } from "../store/database.ts";
import { jobEventChannel, readEventOffsets, readJobEvents } from "../store/job-events.ts";
import { JobTail } from "./job-tail.ts";

export interface JobFeedDeps {
  readonly db: GatewayDatabase;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The event logs of jobs as streams: any number of watchers of a job cost one read of each new entry. */
export interface JobFeed {
  /** Entries after an offset, a mark at the end of history, then live ones with heartbeats between. Ends with the signal's reason. */
  watch(jobId: JobId, afterOffset: bigint, signal: AbortSignal): AsyncIterable<WatchJobResponse>;
  /** Listens for new entries; without it watchers see them within POLL_MS. */
  readonly part: Part;
}

const BATCH = 250;
const HEARTBEAT_MS = 15_000;
/** For notifications that got lost with a connection. */
const POLL_MS = 2_000;

export function createJobFeed(deps: JobFeedDeps): JobFeed {
  const tails = new Map<JobId, JobTail>();
  const refresh = () => refreshAll(deps, tails);
  return {
    watch: (jobId, afterOffset, signal) => watch(deps, tails, jobId, afterOffset, signal),
    part: {
      name: "job feed",
      run: async (signal) => {
        const listening = deps.db.listen(
          jobEventChannel(deps.db.schema),
          (payload) => onNotify(tails, payload, refresh),
          signal,
        );
        await Promise.all([listening, poll(deps, refresh, signal)]);
      },
    },
  };
}

async function* watch(
  deps: JobFeedDeps,
  tails: Map<JobId, JobTail>,
  jobId: JobId,
  after: bigint,
  signal: AbortSignal,
): AsyncGenerator<WatchJobResponse> {
  const tail = join(deps, tails, jobId);
  try {
    yield* follow(deps, tail, jobId, after, signal);
  } finally {
    tail.watchers--;
    if (tail.watchers === 0) tails.delete(jobId);
  }
}

function join(deps: JobFeedDeps, tails: Map<JobId, JobTail>, jobId: JobId): JobTail {
  const tail =
    tails.get(jobId) ?? new JobTail((after) => readJobEvents(deps.db.q, jobId, after, BATCH), deps.logger);
  tail.watchers++;
  tails.set(jobId, tail);
  return tail;
}

/** No buffer per watcher: a slow one falls back to reading the log at its own pace. */
async function* follow(
  deps: JobFeedDeps,
  tail: JobTail,
  jobId: JobId,
  after: bigint,
  signal: AbortSignal,
): AsyncGenerator<WatchJobResponse> {
  let offset = after;
  let isLive = false;
  for (;;) {
    signal.throwIfAborted();
    const events = tail.after(offset) ?? (await readJobEvents(deps.db.q, jobId, offset, BATCH));
    for (const event of events) {
      yield event;
      offset = event.offset;
    }
    if (events.length > 0) continue;
    tail.startAt(offset);
    if (!isLive) yield note(deps.clock, { case: "endOfHistory", value: {} });
    isLive = true;
    if (!(await tail.changed(offset, HEARTBEAT_MS, deps.clock, signal)))
      yield note(deps.clock, { case: "heartbeat", value: {} });
  }
}

/** Not part of the log, so without an offset. */
function note(
  clock: Clock,
  event: { case: "endOfHistory"; value: object } | { case: "heartbeat"; value: object },
) {
  return create(WatchJobResponseSchema, { time: timestampFromDate(clock.now()), event });
}

/** `<job id> <offset>`; empty after a new connection, when notifications may have been missed. */
function onNotify(tails: ReadonlyMap<JobId, JobTail>, payload: string, refresh: () => Promise<void>): void {
  if (payload === "") return void refresh();
  const [jobId, offset] = payload.split(" ");
  tails.get(jobId as JobId)?.advance(BigInt(offset ?? 0));
}

async function poll(
  { clock }: JobFeedDeps,
  refresh: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await refresh();
    await clock.sleep(POLL_MS, signal).catch(() => {}); // aborted: the loop ends
  }
}

async function refreshAll({ db, logger }: JobFeedDeps, tails: ReadonlyMap<JobId, JobTail>): Promise<void> {
  try {
    for (const [jobId, offset] of await readEventOffsets(db.q, [...tails.keys()]))
      tails.get(jobId)?.advance(offset);
  } catch (err) {
    logger.warn({ err }, "job offsets could not be read");
  }
}
