import { busInvariants, eventsOf } from "@gradients/bus";
import { type Invariant, windowStartId } from "@gradients/db";

const young = `job.job_id >= ${windowStartId}::text`;
const open = "job.state in ('splitting', 'racing', 'evaluating', 'judging')";

/** What holds for the scorer's rows. Jobs are found by the age in their ids (primary key) or as open ones (index job_open). */
export const invariants: readonly Invariant[] = [
  ...busInvariants,
  {
    id: "open-job-past-deadline",
    text: "No job is open two minutes after its deadline.",
    sql: `select job_id, state, deadline from job where ${open} and deadline < now() - interval '2 minutes'`,
  },
  {
    id: "open-job-without-deadline-task",
    text: "Each open job has the task that ends it at its deadline (primary key of task).",
    sql: `
      select job_id, state from job
      where ${open} and not exists (select from task where task.job_id = job.job_id and task.kind = 'deadline')`,
  },
  {
    id: "splitting-or-judging-without-task",
    text: "A job that waits for its split or its verdict has the task for it.",
    sql: `
      select job_id, state from job
      where ${open} and state in ('splitting', 'judging') and not exists (
        select from task
        where task.job_id = job.job_id and task.kind = case state when 'splitting' then 'split' else 'judge' end)`,
  },
  {
    id: "task-of-ended-job",
    text: "A job that is over has no tasks; those that are due first are looked at (index task_due).",
    sql: `
      select task.job_id, task.kind, job.state
      from (select job_id, kind from task order by due_at limit 1000) as task join job using (job_id)
      where job.state in ('scored', 'failed', 'cancelled')`,
  },
  {
    id: "racing-without-split",
    text: "A job that is being raced for, evaluated, judged or is scored has a split.",
    sql: `
      select job_id, state from job
      where (${open} or ${young}) and state in ('racing', 'evaluating', 'judging', 'scored')
        and not exists (select from split where split.job_id = job.job_id)`,
  },
  {
    id: "evaluations-in-but-not-judging",
    text: "A job is in evaluation exactly as long as one of its results is missing (index evaluation_job).",
    sql: `
      select job_id, state from job
      where ${open} and state in ('evaluating', 'judging') and (state = 'evaluating') <> exists (
        select from evaluation where evaluation.job_id = job.job_id and result is null)`,
  },
  {
    id: "two-evaluations-of-one-subject",
    text: "The base model and each attempt are evaluated once.",
    sql: `
      select job.job_id, evaluation.attempt_id, count(*)
      from job join evaluation using (job_id) where ${young}
      group by 1, 2 having count(*) > 1`,
  },
  {
    id: "verdict-of-scored-jobs-only",
    text: "A job has a verdict exactly when it is scored.",
    sql: `
      select job.job_id, state from job left join verdict using (job_id)
      where ${young} and (state = 'scored') <> (verdict.job_id is not null)`,
  },
  {
    id: "one-ending-event-per-job",
    text: "A job that is scored or failed told so once, and no other did.",
    sql: `
      select job.job_id, state, coalesce(told.events, 0) as events
      from job left join (${eventsOf("JobScored", "JobFailed")}) as told on told.subject = job.job_id
      where ${young} and coalesce(told.events, 0) <> case when state in ('scored', 'failed') then 1 else 0 end`,
  },
  {
    id: "one-event-per-split",
    text: "Each split was told of once.",
    sql: `
      select job.job_id, coalesce(told.events, 0) as events
      from job left join split using (job_id)
        left join (${eventsOf("SplitCommitted")}) as told on told.subject = job.job_id
      where ${young} and coalesce(told.events, 0) <> case when split.job_id is null then 0 else 1 end`,
  },
  {
    id: "one-request-per-evaluation",
    text: "Each evaluation was asked for once.",
    sql: `
      select job.job_id, coalesce(told.events, 0) as events,
        (select count(*) from evaluation where evaluation.job_id = job.job_id) as evaluations
      from job left join (${eventsOf("EvaluationRequested")}) as told on told.subject = job.job_id
      where ${young} and coalesce(told.events, 0) <> (select count(*) from evaluation where evaluation.job_id = job.job_id)`,
  },
];
