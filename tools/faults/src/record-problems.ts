import type { Accepted } from "./customer.ts";
import type { Violation } from "./violation.ts";

export type Query = (
  text: string,
  values?: readonly unknown[],
) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/** What a job's records in the five services must say to each other; each query lists what breaks its promise. */
const promises: readonly { readonly promise: string; readonly sql: string }[] = [
  {
    promise: "every accepted job ends",
    sql: `select job_id, state from gateway.job where state not in ('succeeded', 'failed', 'cancelled')`,
  },
  {
    promise: "no fault fails a job",
    sql: `select j.job_id, encode(j.failure, 'escape') as failure from gateway.job j where j.state = 'failed'`,
  },
  {
    promise: "a job is ended once",
    sql: `select j.job_id, count(o.event_id) as ends from gateway.job j
      left join scorer.outbox o on o.headers->>'ce-subject' = j.job_id::text
        and o.type in ('gradients.event.v1.JobScored', 'gradients.event.v1.JobFailed')
      where j.state <> 'cancelled' group by j.job_id having count(o.event_id) <> 1`,
  },
  {
    promise: "one verdict for each scored job",
    sql: `select j.job_id, v.job_id as verdict_of from gateway.job j
      full join scorer.verdict v on v.job_id = j.job_id::text
      where coalesce(j.state = 'succeeded', false) <> (v.job_id is not null)`,
  },
  {
    promise: "one payment for each verdict",
    sql: `select v.job_id as verdict_of, s.job_id as points_of from scorer.verdict v
      full join chain_bridge.scored_job s on s.job_id::text = v.job_id
      where v.job_id is null or s.job_id is null`,
  },
  {
    promise: "the points of a job sum to one",
    sql: `select s.job_id, s.unallocated_micro_points + coalesce(sum(p.micro_points), 0) as total
      from chain_bridge.scored_job s left join chain_bridge.points p using (job_id)
      group by s.job_id, s.unallocated_micro_points
      having s.unallocated_micro_points + coalesce(sum(p.micro_points), 0) <> 1000000`,
  },
  {
    promise: "every ledger transaction sums to zero",
    sql: `select transaction_id, sum(amount_rao) as total from chain_bridge.ledger_entry
      group by transaction_id having sum(amount_rao) <> 0`,
  },
  {
    promise: "each reward is booked once and told of once",
    sql: `select r.reward_id, t.transaction_id, g.amount_rao as told, r.amount_rao from chain_bridge.reward r
      left join chain_bridge.ledger_transaction t using (reward_id)
      left join gateway.reward g on g.reward_id = r.reward_id::text
      where r.created_at < now() - interval '5 seconds' and r.status = 'paid'
        and (t.transaction_id is null or g.amount_rao is distinct from r.amount_rao)`,
  },
  {
    promise: "an attempt ends once",
    sql: `select a.attempt_id, a.state, count(o.event_id) as ends from scheduler.attempt a
      left join scheduler.outbox o on position(convert_to(a.attempt_id, 'UTF8') in o.payload) > 0
        and o.type in ('gradients.event.v1.AttemptFinished', 'gradients.event.v1.AttemptFailed')
      where a.kind = 'train' and a.state in ('succeeded', 'failed')
      group by a.attempt_id, a.state having count(o.event_id) <> 1`,
  },
  {
    promise: "no lease or timer outlives its work",
    sql: `select attempt_id as subject, state from scheduler.attempt
        where lease_expires_at is not null or state not in ('succeeded', 'failed', 'cancelled')
      union all select subject_id, kind from scheduler.timer
      union all select job_id, kind from scorer.task
      union all select dataset_id::text, 'dataset_check' from gateway.dataset_check
      union all select dataset_id::text, 'upload' from gateway.upload`,
  },
  {
    promise: "no dead letters",
    sql: ["gateway", "scheduler", "scorer", "chain_bridge"]
      .map((schema) => `select '${schema}' as service, type, error from ${schema}.dead_letter`)
      .join(" union all "),
  },
];

const ACCEPTANCE = "an accepted order is one job";

export const recordPromises = [ACCEPTANCE, ...promises.map(({ promise }) => promise)];

export async function recordProblems(
  query: Query,
  accepted: readonly Accepted[],
): Promise<readonly Violation[]> {
  const violations: Violation[] = [];
  for (const { promise, sql } of promises)
    violations.push(...(await query(sql)).map((row) => ({ promise, detail: JSON.stringify(row) })));
  return [...violations, ...(await acceptanceProblems(query, accepted))];
}

/** The customers' own list against the gateway's: each accepted order is one job, and nothing else is. */
async function acceptanceProblems(
  query: Query,
  accepted: readonly Accepted[],
): Promise<readonly Violation[]> {
  const promised = new Set(accepted.map(({ name }) => name.split("/").at(-1) ?? ""));
  const there = new Set((await query("select job_id from gateway.job")).map(({ job_id }) => String(job_id)));
  const lost = [...promised].filter((id) => !there.has(id)).map((id) => `${id} was accepted and is gone`);
  const extra = [...there].filter((id) => !promised.has(id)).map((id) => `${id} was never ordered`);
  return [...lost, ...extra].map((detail) => ({ promise: ACCEPTANCE, detail }));
}
