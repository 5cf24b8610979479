import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Job_State, type WatchJobResponse, WatchJobResponseSchema } from "@gradients/contracts/gateway";
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
  /**
   * Entries after an offset, a mark at the end of history, then live ones with heartbeats between, until the job has ended and all were given;
   * a mark says so. Ends early with the signal's reason.
   */
  watch(position: WatchPosition, signal: AbortSignal): AsyncIterable<WatchJobResponse>;
  /** Listens for new entries; without it watchers see them within POLL_MS. */
  readonly part: Part;
}

interface WatchPosition {
  readonly jobId: JobId;
  readonly after: bigint;
  /** Last offset of a job that has ended already; undefined for one that goes on. */
  readonly endedAt: bigint | undefined;
}

const BATCH = 250;
const HEARTBEAT_MS = 15_000;
const endedStates: ReadonlySet<Job_State> = new Set([
  Job_State.SUCCEEDED,
  Job_State.FAILED,
  Job_State.CANCELLED,
]);
/** For notifications that got lost with a connection. */
const POLL_MS = 2_000;

export function createJobFeed(deps: JobFeedDeps): JobFeed {
  const tails = new Map<JobId, JobTail>();
  const refresh = () => refreshAll(deps, tails);
  return {
    watch: (position, signal) => watch(deps, tails, position, signal),
    part: {
      name: "job feed",
      run: async (signal) => {
        const listening = deps.db.listen(
          jobEventChannel,
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
  position: WatchPosition,
  signal: AbortSignal,
): AsyncGenerator<WatchJobResponse> {
  const { jobId } = position;
  const tail = join(deps, tails, jobId);
  try {
    yield* follow(deps, tail, position, signal);
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
  position: WatchPosition,
  signal: AbortSignal,
): AsyncGenerator<WatchJobResponse> {
  const { jobId } = position;
  let { after: offset, endedAt } = position;
  let isLive = false;
  for (;;) {
    signal.throwIfAborted();
    const events = tail.after(offset) ?? (await readJobEvents(deps.db.q, jobId, offset, BATCH));
    for (const event of events) {
      yield event;
      offset = event.offset;
      if (tellsEnd(event)) endedAt = offset;
    }
    if (events.length > 0) continue;
    tail.startAt(offset);
    if (!isLive) yield note(deps.clock, { case: "endOfHistory", value: {} });
    isLive = true;
    if (endedAt !== undefined && offset >= endedAt)
      return yield note(deps.clock, { case: "endOfWatch", value: {} });
    if (!(await tail.changed(offset, HEARTBEAT_MS, deps.clock, signal)))
      yield note(deps.clock, { case: "heartbeat", value: {} });
  }
}

function tellsEnd({ event }: WatchJobResponse): boolean {
  return event.case === "job" && endedStates.has(event.value.state);
}

/** Not part of the log, so without an offset. */
function note(
  clock: Clock,
  event: { readonly case: "endOfHistory" | "heartbeat" | "endOfWatch"; readonly value: object },
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
