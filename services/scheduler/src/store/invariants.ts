import { busInvariants, eventsOf } from "@gradients/bus";
import { type Invariant, windowStartId } from "@gradients/db";

const youngAttempt = `attempt.attempt_id >= ${windowStartId}::text`;
const youngJob = `job.job_id >= ${windowStartId}::text`;

/** What holds for the scheduler's rows. */
export const invariants: readonly Invariant[] = [
  ...busInvariants,
  {
    id: "lease-long-over",
    text: "No lease is over for two minutes without consequence (index attempt_lease).",
    sql: "select attempt_id, state, lease_expires_at from attempt where lease_expires_at < now() - interval '2 minutes'",
  },
  {
    id: "timer-long-due",
    text: "No timer is due for two minutes without consequence (index timer_due).",
    sql: "select kind, subject_id, due_at from timer where due_at < now() - interval '2 minutes'",
  },
  {
    id: "lease-of-placed-attempts-only",
    text: "Exactly the placed attempts have a lease (index attempt_lease, primary key).",
    sql: `
      select attempt_id, state, lease_expires_at from attempt
      where (lease_expires_at is not null or ${youngAttempt})
        and (lease_expires_at is not null) <> (state in ('placing', 'running'))`,
  },
  {
    id: "ended-attempt-is-whole",
    text: "An attempt has an end, a result or a failure exactly when its state says so (primary key).",
    sql: `
      select attempt_id, state from attempt
      where ${youngAttempt} and (
        (finished_at is not null) <> (state in ('succeeded', 'failed', 'cancelled'))
        or (result is not null) <> (state = 'succeeded') or (failure is not null) <> (state = 'failed'))`,
  },
  {
    id: "losses-within-epoch",
    text: "Each loss began an epoch, and is counted once.",
    sql: `
      select attempt_id, losses, lost_epochs, epoch from attempt
      where ${youngAttempt} and (losses > epoch or cardinality(lost_epochs) > losses)`,
  },
  {
    id: "open-attempt-of-closed-job",
    text: "Nothing of a closed job waits or runs (indexes attempt_queued and attempt_lease).",
    sql: `
      select attempt.attempt_id, attempt.state from attempt join job using (job_id)
      where (attempt.state = 'queued' or attempt.lease_expires_at is not null) and job.state = 'closed'`,
  },
  {
    id: "race-without-runners",
    text: "A race is open exactly as long as one of its attempts is (indexes job_open and attempt_job).",
    sql: `
      select job_id, state from job
      where state in ('waiting', 'racing') and (state = 'racing') <> exists (
        select from attempt
        where attempt.job_id = job.job_id and kind = 'train' and attempt.state in ('queued', 'placing', 'running'))`,
  },
  {
    id: "race-without-deadline",
    text: "A race with a deadline has the timer for it (primary key of timer).",
    sql: `
      select job_id, deadline from job
      where state = 'racing' and deadline is not null
        and not exists (select from timer where kind = 'job_deadline' and subject_id = job_id)`,
  },
  {
    id: "running-without-deadline",
    text: "A running attempt has the timer for its deadline.",
    sql: `
      select attempt_id from attempt
      where lease_expires_at is not null and state = 'running'
        and not exists (select from timer where kind = 'attempt_deadline' and subject_id = attempt_id)`,
  },
  {
    id: "upload-ahead-of-epoch",
    text: "No upload and no token belongs to an epoch that has not begun (indexes upload_attempt and attempt_token_attempt).",
    sql: `
      select attempt_id, epoch from attempt
      where (lease_expires_at is not null or ${youngAttempt}) and (
        exists (select from upload where upload.attempt_id = attempt.attempt_id and upload.epoch > attempt.epoch)
        or exists (select from attempt_token where attempt_token.attempt_id = attempt.attempt_id and attempt_token.epoch > attempt.epoch))`,
  },
  {
    id: "result-of-own-epoch",
    text: "An artifact lies under the epoch that delivered it, so a fenced pod's files never count.",
    sql: `
      select attempt_id, epoch, file -> 'object' ->> 'key' as key
      from attempt, jsonb_array_elements(result -> 'artifact') as file
      where ${youngAttempt} and result ->> 'kind' = 'trained' and file -> 'object' ->> 'key' not like '%/artifact/' || epoch || '/%'`,
  },
  {
    id: "one-ending-event-per-attempt",
    text: "Of a job's attempts, as many told of their end as succeeded or failed (index attempt_job).",
    sql: `
      select job.job_id, coalesce(told.events, 0) as events, ended.attempts
      from job
        left join (${eventsOf("AttemptFinished", "AttemptFailed", "EvaluationFinished", "EvaluationFailed")}) as told on told.subject = job.job_id
        cross join lateral (
          select count(*) as attempts from attempt
          where attempt.job_id = job.job_id and attempt.state in ('succeeded', 'failed')) as ended
      where ${youngJob} and coalesce(told.events, 0) <> ended.attempts`,
  },
  {
    id: "one-event-per-race",
    text: "A race that is over told so once, and one that is not did not.",
    sql: `
      select job.job_id, job.state, coalesce(told.events, 0) as events
      from job left join (${eventsOf("RaceFinished")}) as told on told.subject = job.job_id
      where ${youngJob} and job.state <> 'closed' and coalesce(told.events, 0) <> case job.state when 'raced' then 1 else 0 end`,
  },
];
