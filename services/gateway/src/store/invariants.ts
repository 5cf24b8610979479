import { busInvariants, eventsOf } from "@gradients/bus";
import { type Invariant, windowStartId } from "@gradients/db";

const youngJob = `job.job_id >= ${windowStartId}`;
const ended = "state in ('succeeded', 'failed', 'cancelled')";

/** What holds for the gateway's rows. Young jobs and data sets are found by the time in their ids (primary keys), running jobs by index job_open. */
export const invariants: readonly Invariant[] = [
  ...busInvariants,
  {
    id: "one-acceptance-per-job",
    text: "Each job was told of as accepted once.",
    sql: `
      select job.job_id, coalesce(told.events, 0) as events
      from job left join (${eventsOf("JobAccepted")}) as told on told.subject = job.job_id::text
      where ${youngJob} and coalesce(told.events, 0) <> 1`,
  },
  {
    id: "log-without-gaps",
    text: "A job's log has one entry for each offset up to the job's own (primary key of job_event).",
    sql: `
      select job.job_id, job.event_offset, log.entries, log.last
      from job cross join lateral (
        select count(*) as entries, max(event_offset) as last from job_event where job_event.job_id = job.job_id) as log
      where (job.ended_at is null or ${youngJob})
        and (log.entries <> job.event_offset or log.last is distinct from job.event_offset)`,
  },
  {
    id: "ended-job-is-whole",
    text: "A job has an end, a verdict or a failure exactly when its state says so.",
    sql: `
      select job_id, state from job
      where ${youngJob} and ((ended_at is not null) <> (${ended})
        or (verdict is not null) <> (state = 'succeeded') or (failure is not null) <> (state = 'failed'))`,
  },
  {
    id: "attempt-outlives-job",
    text: "Ten minutes after a job has ended nothing of it runs (index attempt_by_job).",
    sql: `
      select attempt.attempt_id, attempt.state, job.job_id from job join attempt using (job_id)
      where ${youngJob} and job.ended_at < now() - interval '10 minutes' and attempt.state in ('queued', 'running')`,
  },
  {
    id: "paid-within-rewards",
    text: "A job shows no more as paid to a hotkey than the chain paid it (index reward_by_hotkey).",
    sql: `
      select job.job_id, payment ->> 'hotkey' as hotkey, payment ->> 'amount_rao' as amount_rao
      from job, jsonb_array_elements(payments) as payment
      where ${youngJob} and (payment ->> 'amount_rao')::numeric >
        (select coalesce(sum(amount_rao), 0) from reward where hotkey = payment ->> 'hotkey')`,
  },
  {
    id: "checking-without-check",
    text: "A data set is being checked exactly as long as the check is due (primary key of dataset_check).",
    sql: `
      select dataset.dataset_id, dataset.state from dataset
      where dataset.dataset_id >= ${windowStartId} and (dataset.state = 'checking') <> exists (
        select from dataset_check where dataset_check.dataset_id = dataset.dataset_id)`,
  },
  {
    id: "upload-of-data-set",
    text: "What became a data set is no upload any more (the table is short).",
    sql: "select upload.dataset_id from upload join dataset using (dataset_id)",
  },
  {
    id: "upload-long-expired",
    text: "An upload that was given up is removed within the hour.",
    sql: "select dataset_id, expires_at from upload where expires_at < now() - interval '1 hour'",
  },
];
