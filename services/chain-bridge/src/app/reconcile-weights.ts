import { failpoint, newId } from "@gradients/kernel";
import { inSpan, inTraceOf, linkTo } from "@gradients/runtime";
import type { Chain } from "../chain/chain.ts";
import type { HotkeySigner } from "../chain/hotkey-signer.ts";
import type { Deps } from "../deps.ts";
import { type Plan, planWeights, type Subnet } from "../domain/plan-weights.ts";
import { WEIGHTS_VERSION, type Weight, weightVector } from "../domain/weights.ts";
import { type PointsWindow, type ScoredJobTrace, sumPoints } from "../store/points.ts";
import type { ChainKey } from "../store/schema.ts";
import {
  findOpenSubmission,
  insertSubmission,
  listSubmissions,
  type NewSubmission,
  type Submission,
} from "../store/submissions.ts";
import { chainKeyOf } from "./ingest-blocks.ts";
import { findSignerProblem } from "./refusal.ts";
import { sendSubmission } from "./send-submission.ts";

/** Brings the chain's weights to what the points say: looks at both, and signs and sends when they differ and the time is right. */
export async function reconcileWeights(deps: Deps, chain: Chain): Promise<void> {
  const { config, db, observe, signer } = deps;
  const problem = await findSignerProblem(deps, chain);
  if (problem || !signer) return problem && observe.weightsBlocked(problem);
  const key = chainKeyOf(deps, chain);
  const open = await findOpenSubmission(db, key, config.mecid, signer.address);
  if (open) return resend(deps, chain, open);

  const subnet = await chain.readSubnet(await chain.bestHead());
  const window = await readWindow(deps, subnet);
  const vector = vectorOf(subnet, window);
  if (!vector.ok) return observe.weightsBlocked({ code: vector.error, detail: "" });
  const plan = await planFor(deps, chain, key, signer, subnet, vector.value.weights);
  if (plan.kind === "blocked") return observe.weightsBlocked(plan.problem);
  observe.weightsUnblocked();
  if (plan.kind !== "submit") return;
  observe.unregisteredContestants(vector.value.unregistered);
  const round = { deps, chain, key, signer, subnet, window, weights: vector.value.weights };
  await inJobTraces(unpaid(window, await listSubmissions(db, key, RECENT)), () => signAndSend(round));
}

/** Blocks without news after which the same bytes are sent again: the node may have lost them. */
const RESEND_BLOCKS = 4;

async function resend(deps: Deps, chain: Chain, open: Submission): Promise<void> {
  const { best } = chain.heads;
  const due = open.lastAttemptBlock === undefined || best - open.lastAttemptBlock >= RESEND_BLOCKS;
  if (due && best < open.lastValidBlock)
    await inTraceOf(open.traceparent, () => sendSubmission(deps, chain, open, best));
}

interface Window extends PointsWindow {
  readonly start: Date;
  readonly end: Date;
}

const HOUR_MS = 3_600_000;

/** By chain time, so that the window of a vector can be told from its pinned block. */
async function readWindow({ db, config }: Deps, { time }: Subnet): Promise<Window> {
  const start = new Date(time.getTime() - config.windowHours * HOUR_MS);
  return { start, end: time, ...(await sumPoints(db, start, time)) };
}

function vectorOf(subnet: Subnet, { points, unallocatedMicroPoints }: Window) {
  const uids = new Map(subnet.neurons.map(({ hotkey, uid }) => [hotkey, uid]));
  return weightVector({ points, unallocatedMicroPoints, uids, ownerUid: uids.get(subnet.ownerHotkey) });
}

async function planFor(
  { db, config }: Deps,
  chain: Chain,
  key: ChainKey,
  signer: HotkeySigner,
  subnet: Subnet,
  desired: readonly Weight[],
): Promise<Plan> {
  const uid = uidOf(subnet, signer);
  const onChain =
    uid === undefined ? [] : await chain.readWeights(uid, { number: subnet.block, hash: subnet.blockHash });
  const failures = failuresInARow(await listSubmissions(db, key, RECENT));
  return planWeights({
    subnet,
    hotkey: signer.address,
    versionKey: BigInt(config.versionKey),
    onChain,
    desired,
    failures,
  });
}

/** Enough for the pause after failures to reach its limit. */
const RECENT = 20;

function failuresInARow(newestFirst: readonly Submission[]): {
  readonly count: number;
  readonly lastBlock: number;
} {
  const ended = newestFirst.findIndex(({ state }) => state !== "failed");
  const [newest] = newestFirst;
  const count = ended < 0 ? newestFirst.length : ended;
  return { count, lastBlock: count > 0 && newest ? (newest.lastAttemptBlock ?? newest.pinnedBlock) : 0 };
}

/** Jobs that no earlier vector of the same chain has paid for. */
function unpaid({ jobs }: Window, submissions: readonly Submission[]): readonly ScoredJobTrace[] {
  const known = new Set(
    submissions.filter(({ state }) => state !== "failed").flatMap(({ jobIds }) => jobIds),
  );
  return jobs.filter(({ jobId }) => !known.has(jobId));
}

/** One vector pays for many jobs: it goes on in the trace of the newest and is linked with those of the others. */
function inJobTraces(jobs: readonly ScoredJobTrace[], fn: () => Promise<void>): Promise<void> {
  const traceparents = jobs.flatMap(({ traceparent }) => traceparent ?? []).slice(-MAX_LINKS);
  const newest = traceparents.pop();
  const span = { scope: "chain-bridge", name: "set weights", links: traceparents.flatMap(linkTo) };
  return inTraceOf(newest, () => inSpan(span, fn));
}

/** The limit of the OpenTelemetry SDK. */
const MAX_LINKS = 128;

interface SignAndSend {
  readonly deps: Deps;
  readonly chain: Chain;
  readonly key: ChainKey;
  readonly signer: HotkeySigner;
  readonly subnet: Subnet;
  readonly window: Window;
  readonly weights: readonly Weight[];
}

/** The signed bytes are durable before anything is sent: whatever happens then, these bytes and no others are tried until their era is over. */
async function signAndSend({
  deps,
  chain,
  key,
  signer,
  subnet,
  window,
  weights,
}: SignAndSend): Promise<void> {
  const { config, db, observe } = deps;
  const birth = await chain.finalizedHead();
  const validatorUid = uidOf(subnet, signer);
  if (birth.number === 0 || validatorUid === undefined) return;
  const signed = await chain.signWeights(signer, {
    weights,
    versionKey: BigInt(config.versionKey),
    birth,
    eraBlocks: config.eraBlocks,
  });
  failpoint("chain-bridge.weights-signed");
  const submission: NewSubmission = {
    submissionId: newId(),
    mecid: config.mecid,
    validatorHotkey: signer.address,
    validatorUid,
    epoch: BigInt(subnet.epoch),
    weightsVersion: WEIGHTS_VERSION,
    windowStart: window.start,
    windowEnd: window.end,
    pinned: { number: subnet.block, hash: subnet.blockHash },
    inputs: inputsOf(window),
    weights: weights.map(({ uid, weight }) => ({ hotkey: subnet.neurons[uid]?.hotkey ?? "", uid, weight })),
    jobIds: window.jobs.slice(-MAX_JOB_IDS).map(({ jobId }) => jobId),
    signedBytes: signed.bytes,
    ...signed,
  };
  await db.tx((tx) => insertSubmission(tx, key, submission));
  failpoint("chain-bridge.intent-saved");
  observe.weightsIntended(submission.submissionId, signed.extrinsicHash, weights.length);
  const open = await findOpenSubmission(db, key, config.mecid, signer.address);
  if (open) await sendSubmission(deps, chain, open, subnet.block);
}

/** The newest jobs that WeightsSet names: an event has 512 KiB at most. */
const MAX_JOB_IDS = 10_000;

function inputsOf({ points, unallocatedMicroPoints }: Window): NewSubmission["inputs"] {
  return {
    points: points.map(({ hotkey, microPoints }) => ({ hotkey, microPoints: microPoints.toString() })),
    unallocatedMicroPoints: unallocatedMicroPoints.toString(),
  };
}

function uidOf(subnet: Subnet, { address }: HotkeySigner): number | undefined {
  return subnet.neurons.find(({ hotkey }) => hotkey === address)?.uid;
}
