import { setTimeout as delay } from "node:timers/promises";
import { type ChainService, SubmissionState } from "@gradients/contracts/chain";
import type { Job, Verdict } from "@gradients/contracts/gateway";
import { formatTao, rao } from "@gradients/kernel";
import type { RpcClient } from "@gradients/rpc";
import colours from "picocolors";
import { DemoError } from "./demo-error.ts";
import type { Stage } from "./stage.ts";

const PATIENCE_MS = 60_000;
const POLL_MS = 500;

/** Waits for the weights in a finalized block and for the first rewards, and shows both. */
export async function showPayments(
  { screen, signal }: Stage,
  job: Job,
  verdict: Verdict,
  chain: RpcClient<typeof ChainService>,
): Promise<void> {
  try {
    const jobId = job.name.split("/").at(-1) ?? "";
    const contestants = new Map(verdict.ranking.map((entry) => [entry.contestantHotkey, entry.recipeTitle]));
    const submission = await until(signal, "the weights in a finalized block", async () => {
      const [{ points }, { submissions }] = await Promise.all([
        chain.listPoints({ jobId }),
        chain.listWeightSubmissions({}),
      ]);
      const paid = new Set(points.filter((entry) => entry.microPoints > 0n).map((entry) => entry.hotkey));
      return submissions.find(
        ({ state, weights }) =>
          state === SubmissionState.FINALIZED && weights.some(({ hotkey }) => paid.has(hotkey)),
      );
    });
    screen.print(
      `  weights set in finalized block ${submission.blockNumber} ${colours.dim(submission.extrinsicHash)}`,
    );
    for (const { hotkey, uid, weight } of submission.weights) {
      screen.print(
        `    uid ${String(uid).padEnd(3)} ${(contestants.get(hotkey) ?? "").padEnd(26)} ${String(weight).padStart(5)}  ${colours.dim(hotkey)}`,
      );
    }
    const totals = await until(signal, "the first reward", async () => {
      const { totals } = await chain.listRewards({});
      const paid = totals.filter(
        ({ hotkey, amountRao }) => contestants.has(hotkey) && BigInt(amountRao) > 0n,
      );
      return paid.length > 0 ? paid : undefined;
    });
    for (const { hotkey, amountRao } of totals) {
      screen.print(
        `  ${colours.green("✓")} ${(contestants.get(hotkey) ?? "").padEnd(26)} credited ${formatTao(rao(BigInt(amountRao)))} TAO`,
      );
    }
  } finally {
    chain.close();
  }
}

async function until<T>(signal: AbortSignal, what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  while (Date.now() < deadline) {
    const found = await look();
    if (found !== undefined) return found;
    await delay(POLL_MS, undefined, { signal });
  }
  throw new DemoError(`Waited ${PATIENCE_MS / 1000} s for ${what}, in vain.`);
}
