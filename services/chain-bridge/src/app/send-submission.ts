import { failpoint } from "@gradients/kernel";
import type { Chain } from "../chain/chain.ts";
import type { Deps } from "../deps.ts";
import { factOfOutcome, nextState } from "../domain/submission.ts";
import { beginAttempt, changeState, lockSubmission, type Submission } from "../store/submissions.ts";

/** Sends a submission's bytes, as often as it is called: a node takes the same bytes once. The try is noted before it is made. */
export async function sendSubmission(
  { db, observe }: Deps,
  chain: Chain,
  submission: Submission,
  block: number,
): Promise<void> {
  const { submissionId, signedBytes } = submission;
  const attempt = await beginAttempt(db, submissionId, block);
  if (attempt === undefined) return;
  failpoint("chain-bridge.before-submit");
  const outcome = await chain.submit(signedBytes);
  failpoint("chain-bridge.submitted");
  observe.weightsSent(submission, attempt, outcome);
  const fact = factOfOutcome(outcome, attempt);
  if (!fact) return;
  await db.tx(async (tx) => {
    const from = await lockSubmission(tx, submissionId);
    const to = from && nextState(from, fact);
    if (!from || !to) return;
    const problem = outcome.kind === "refused" ? outcome.problem : undefined;
    await changeState(tx, submissionId, { from, to, ...(problem ? { problem } : {}) });
    if (problem) observe.weightsFailed(submission, problem);
  });
  failpoint("chain-bridge.answer-recorded");
}
