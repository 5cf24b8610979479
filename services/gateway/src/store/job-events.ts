import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type WatchJobResponse, WatchJobResponseSchema } from "@gradients/contracts/gateway";
import type { JobId } from "@gradients/kernel";
import type { GatewayQuery, GatewayTx } from "./database.ts";

/** What an entry of a job's log tells; its offset and time are given here. */
export type JobEventBody = Extract<
  NonNullable<MessageInitShape<typeof WatchJobResponseSchema>["event"]>,
  { case: "job" | "progress" }
>;

/** The channel that appendJobEvents notifies with `<job id> <offset>`. */
export const jobEventChannel = "job_event";

/** Adds entries after `offset`, the log's last one, and wakes watchers at commit; returns the new last offset. Needs the job's lock, so offsets have no gaps. */
export async function appendJobEvents(
  tx: GatewayTx,
  jobId: JobId,
  offset: bigint,
  events: readonly JobEventBody[],
): Promise<bigint> {
  if (events.length === 0) return offset;
  const last = offset + BigInt(events.length);
  const rows = events.map((event, index) => toRow(jobId, offset + BigInt(index) + 1n, tx.now, event));
  await tx.insertInto("job_event").values(rows).execute();
  tx.notifyAfterCommit(jobEventChannel, `${jobId} ${last}`);
  return last;
}

/** In order, by primary key. No lock: entries never change. */
export async function readJobEvents(
  q: GatewayQuery,
  jobId: JobId,
  after: bigint,
  limit: number,
): Promise<readonly WatchJobResponse[]> {
  const rows = await q
    .selectFrom("job_event")
    .select("payload")
    .where("job_id", "=", jobId)
    .where("event_offset", ">", after)
    .orderBy("event_offset")
    .limit(limit)
    .execute();
  return rows.map((row) => fromBinary(WatchJobResponseSchema, row.payload));
}

/** The last offset of each of these jobs. By primary key. */
export async function readEventOffsets(
  q: GatewayQuery,
  jobIds: readonly JobId[],
): Promise<readonly (readonly [JobId, bigint])[]> {
  if (jobIds.length === 0) return [];
  const rows = await q
    .selectFrom("job")
    .select(["job_id", "event_offset"])
    .where("job_id", "in", jobIds)
    .execute();
  return rows.map((row) => [row.job_id, row.event_offset]);
}

function toRow(jobId: JobId, offset: bigint, time: Date, event: JobEventBody) {
  const message = create(WatchJobResponseSchema, { offset, time: timestampFromDate(time), event });
  return { job_id: jobId, event_offset: offset, payload: toBinary(WatchJobResponseSchema, message) };
}
