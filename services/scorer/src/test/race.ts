import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { FileFormat } from "@gradients/contracts/common";
import {
  EvaluationFinishedSchema,
  type EvaluationRequested,
  EvaluationRequestedSchema,
  JobAcceptedSchema,
  type RaceEntrySchema,
  RaceFinishedSchema,
  type SplitCommitted,
  SplitCommittedSchema,
} from "@gradients/contracts/event";
import { newId, Rng } from "@gradients/kernel";
import type { ObjectRef } from "@gradients/objects";
import type { World } from "./world.ts";

/** Fields to set otherwise than usual. */
type More<S extends DescMessage> = {
  readonly [K in Exclude<keyof MessageInitShape<S>, `$${string}`>]?: NonNullable<MessageInitShape<S>[K]>;
};

const columns = {
  shape: { case: "instruct", value: { instruction: "question", output: "answer" } },
} as const;
export const checks = {
  loads: true,
  finite: true,
  changed: true,
  safetensorsOnly: true,
  updateNorm: 1,
  weightsSha256: "",
};

/** Distinct rows, so that nothing is grouped or dropped. */
export function dataset(rows: number): string {
  const rng = new Rng("dataset");
  const words = (count: number) => Array.from({ length: count }, () => `w${rng.int(9_000)}`).join(" ");
  return Array.from(
    { length: rows },
    () => `${JSON.stringify({ question: words(12), answer: words(4) })}\n`,
  ).join("");
}

/** What the gateway says; returns the job's id. */
export async function acceptJob(
  world: World,
  text: string | Buffer,
  more: More<typeof JobAcceptedSchema> = {},
  times = 1,
): Promise<string> {
  const jobId = newId();
  const object = await world.objects.put(`datasets/${jobId}/original`, Buffer.from(text));
  const dataset = { datasetId: "d", object, format: FileFormat.JSONL, columns };
  const baseModel = { modelId: "tiny", files: [], contextLength: 512 };
  await world.publish(
    JobAcceptedSchema,
    { baseModel, dataset, contestants: 3, maxLength: 128, hardwareClass: "local", ...more, jobId },
    times,
  );
  return jobId;
}

export async function acceptAndSplit(
  world: World,
  times = 1,
): Promise<{ readonly jobId: string; readonly split: SplitCommitted }> {
  const jobId = await acceptJob(world, dataset(200), {}, times);
  const [split] = await world.waitFor(SplitCommittedSchema, jobId);
  if (!split) throw new Error("unreachable: waitFor has found one");
  return { jobId, split };
}

export type Entry = MessageInitShape<typeof RaceEntrySchema> & { readonly attemptId: string };

function artifactOf(attemptId: string): { readonly name: string; readonly object: ObjectRef }[] {
  const object = {
    key: `jobs/j/attempts/${attemptId}/artifact/adapter_model.safetensors`,
    size: 1n,
    sha256: "ab".repeat(32),
  };
  return [{ name: "adapter_model.safetensors", object }];
}

/** What the scheduler says at the end of a race; returns what the scorer asks for. */
export async function finishRace(
  world: World,
  jobId: string,
  entries: readonly Entry[],
  times = 1,
): Promise<readonly EvaluationRequested[]> {
  await world.publish(RaceFinishedSchema, { jobId, entries: [...entries] }, times);
  const withArtifact = entries.filter(({ artifact }) => artifact?.length).length;
  return withArtifact === 0 ? [] : await world.waitFor(EvaluationRequestedSchema, jobId, withArtifact + 1);
}

export function entry(attemptId: string, more: More<typeof RaceEntrySchema> = {}): Entry {
  const recipe = {
    recipeId: `recipe-${attemptId}`,
    recipeTitle: `Recipe ${attemptId}`,
    contestantHotkey: `hotkey-${attemptId}`,
  };
  return {
    attemptId,
    ...recipe,
    defaultRecipe: attemptId === "plain",
    artifact: artifactOf(attemptId),
    finishedAt: timestampFromDate(new Date(0)),
    ...more,
  };
}

/** Rows that the split held out, as the trusted evaluation reads them. */
export async function heldoutRows(
  world: World,
  { heldout }: EvaluationRequested,
): Promise<{ readonly text: string; readonly rows: readonly number[] }> {
  if (!heldout) throw new Error("The request names no held-out rows");
  const chunks: Uint8Array[] = [];
  for await (const chunk of world.objects.get(heldout)) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  const rows = text
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { row: number }).row);
  return { text, rows };
}

/** Per-example scores as the engine writes them. `factor` scales the loss; noise by row and seed. */
export function scoreLines(rows: readonly number[], factor: number, seed: string): string[] {
  const rng = new Rng(seed);
  return rows.map((row, index) => {
    const tokens = 5 + (row % 7);
    const answer = {
      prompt: `prompt ${row}`,
      reference: `reference ${row}`,
      generated: `answer of ${seed}`,
      exact_match: index === 0,
    };
    const nll = tokens * 3 * factor * (1 + 0.1 * (rng.float() - 0.5));
    return JSON.stringify({ row, nll_sum: nll, tokens, truncated: false, ...(index < 4 && answer) });
  });
}

export async function putScores(
  world: World,
  { jobId, evaluationId }: EvaluationRequested,
  lines: readonly string[],
): Promise<ObjectRef> {
  const key = `private/jobs/${jobId}/evaluations/${evaluationId}/scores.jsonl`;
  return world.objects.put(key, Buffer.from(`${lines.join("\n")}\n`));
}

export async function finishEvaluation(
  world: World,
  { jobId, evaluationId, attemptId }: EvaluationRequested,
  scores: ObjectRef,
  more: More<typeof EvaluationFinishedSchema> = {},
  times = 1,
): Promise<void> {
  const found = { ...checks, changed: attemptId !== "", weightsSha256: attemptId };
  await world.publish(
    EvaluationFinishedSchema,
    { scores, checks: found, engineVersion: "1.2.3", device: "cpu", ...more, jobId, evaluationId },
    times,
  );
}
