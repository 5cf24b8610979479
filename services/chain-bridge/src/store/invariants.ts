import { busInvariants } from "@gradients/bus";
import { type Invariant, windowStartId } from "@gradients/db";
import { MICRO_POINTS_PER_JOB } from "../domain/award-points.ts";

const young = (event: string) => `
  select count(*) as events from outbox where event_id >= ${windowStartId} and type = 'gradients.event.v1.${event}'`;

/** What holds for chain-bridge's rows. Young ones are found by the time in their ids (primary keys), open submissions by index weight_submission_open. */
export const invariants: readonly Invariant[] = [
  ...busInvariants,
  {
    id: "points-of-job-sum-to-one",
    text: "Points of a job and what nobody earned sum to one (index scored_job_scored_at, primary key of points).",
    sql: `
      select scored_job.job_id, unallocated_micro_points + given.total as micro_points
      from scored_job cross join lateral (
        select coalesce(sum(micro_points), 0) as total from points where points.job_id = scored_job.job_id) as given
      where scored_at >= now() - current_setting('gradients.window')::interval
        and unallocated_micro_points + given.total <> ${MICRO_POINTS_PER_JOB}`,
  },
  {
    id: "ledger-transaction-sums-to-zero",
    text: "The entries of each ledger transaction sum to zero, and there are some.",
    sql: `
      select transaction_id, sum(entry.amount_rao) as amount_rao
      from ledger_transaction left join ledger_entry as entry using (transaction_id)
      where transaction_id >= ${windowStartId}
      group by transaction_id having sum(entry.amount_rao) is distinct from 0`,
  },
  {
    id: "reward-is-booked-once",
    text: "Each reward has one ledger transaction of its amount.",
    sql: `
      select reward.reward_id, reward.amount_rao, booked.amount_rao as booked
      from reward
        left join ledger_transaction using (reward_id)
        left join lateral (
          select sum(amount_rao) as amount_rao from ledger_entry
          where ledger_entry.transaction_id = ledger_transaction.transaction_id and amount_rao > 0) as booked on true
      where reward.reward_id >= ${windowStartId} and booked.amount_rao is distinct from reward.amount_rao`,
  },
  {
    id: "reward-within-cursor",
    text: "No reward comes from a block that is not booked (primary key of chain_cursor).",
    sql: `
      select reward_id, reward.block_number from reward
        left join chain_cursor as cursor using (genesis_hash, netuid)
      where reward_id >= ${windowStartId} and reward.block_number > coalesce(cursor.block_number, -1)`,
  },
  {
    id: "one-event-per-paid-reward",
    text: "As many rewards were told of as were paid.",
    sql: `
      select told.events, paid.rewards
      from (${young("RewardCredited")}) as told,
        (select count(*) as rewards from reward where reward_id >= ${windowStartId} and status = 'paid') as paid
      where told.events <> paid.rewards`,
  },
  {
    id: "one-open-submission",
    text: "A hotkey has at most one weight vector on its way for each mechanism.",
    sql: `
      select genesis_hash, netuid, mecid, validator_hotkey, count(*) as submissions from weight_submission
      where state in ('intended', 'submitted')
      group by genesis_hash, netuid, mecid, validator_hotkey having count(*) > 1`,
  },
  {
    id: "submission-past-its-era",
    text: "A submission is settled by the block in which its era ends.",
    sql: `
      select submission_id, last_valid_block, cursor.block_number from weight_submission
        join chain_cursor as cursor using (genesis_hash, netuid)
      where state in ('intended', 'submitted') and last_valid_block < cursor.block_number`,
  },
  {
    id: "finalized-within-cursor",
    text: "A submission counts as finalized only in a block that is booked.",
    sql: `
      select submission_id, weight_submission.block_number from weight_submission
        left join chain_cursor as cursor using (genesis_hash, netuid)
      where submission_id >= ${windowStartId} and state = 'finalized'
        and weight_submission.block_number > coalesce(cursor.block_number, -1)`,
  },
];
