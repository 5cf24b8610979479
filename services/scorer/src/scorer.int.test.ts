import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { FileFormat } from "@gradients/contracts/common";
import {
  EvaluationFailedSchema,
  EvaluationRequestedSchema,
  JobAcceptedSchema,
  JobCancelledSchema,
  JobFailedSchema,
  type JobScored,
  JobScoredSchema,
  SplitCommittedSchema,
} from "@gradients/contracts/event";
import { EvaluationState, ScorerService } from "@gradients/contracts/scorer";
import { newId } from "@gradients/kernel";
import { createRpcClient } from "@gradients/rpc";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canonicalJson } from "./domain/canonical-json.ts";
import type { EvidenceBundle } from "./domain/evidence.ts";
import { verifyEvidence } from "./domain/verify-evidence.ts";
import {
  acceptAndSplit,
  acceptJob,
  checks,
  dataset,
  entry,
  finishEvaluation,
  finishRace,
  heldoutRows,
  putScores,
  scoreLines,
} from "./test/race.ts";
import { createWorld, type RunningScorer, type World } from "./test/world.ts";

let world: World;
let scorer: RunningScorer;

beforeAll(async () => {
  world = await createWorld();
  scorer = await world.startScorer();
});

afterAll(() => world?.[Symbol.asyncDispose]());

describe("from order to verdict", () => {
  it("commits to a split, asks for evaluations under opaque ids and gives a verdict that verifies, each once for events delivered twice", async () => {
    const { jobId, split } = await acceptAndSplit(world, 2);
    expect(split).toMatchObject({
      trainRows: 168,
      heldoutRows: 32,
      heldoutCommitment: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const requests = await finishRace(
      world,
      jobId,
      [
        entry("better"),
        entry("plain"),
        entry("broken", { artifact: [], failure: { code: "OUT_OF_MEMORY", message: "too big" } }),
      ],
      2,
    );
    expect(requests.map(({ attemptId }) => attemptId).toSorted()).toEqual(["", "better", "plain"]);
    const { rows, text } = await heldoutRows(world, requests[0]!);
    for (const request of requests) {
      const factor = { "": 1, plain: 0.8, better: 0.5 }[request.attemptId] ?? 1;
      await finishEvaluation(
        world,
        request,
        await putScores(world, request, scoreLines(rows, factor, request.attemptId)),
        {},
        2,
      );
    }
    const [scored] = await world.waitFor(JobScoredSchema, jobId);
    expectVerdict(scored!, split.heldoutCommitment);
    await expectEvidence(scored!, text);
    expect(world.seen(SplitCommittedSchema, jobId)).toHaveLength(1);
    expect(world.seen(EvaluationRequestedSchema, jobId)).toHaveLength(3);
    expect(world.seen(JobScoredSchema, jobId)).toHaveLength(1);
    expect(await openTasks(jobId)).toBe(0);
  });

  it("writes rows with their columns and numbers, each to one side only, and drops bad ones by reason", async () => {
    const lines = dataset(150).trimEnd().split("\n");
    const bad = ["{broken", '{"question":"no answer"}', '{"question":"q","answer":" "}', lines[7]!];
    const jobId = await acceptJob(world, [...lines.slice(0, 5), ...bad, ...lines.slice(5)].join("\n"));
    const [split] = await world.waitFor(SplitCommittedSchema, jobId);
    expect(split).toMatchObject({
      trainRows: 150 - 32,
      heldoutRows: 32,
      droppedRows: { malformed_line: 1, missing_column: 1, empty_output: 1, duplicate: 1 },
    });
    const train = await jsonLines(split!.train!);
    expect(train[0]).toEqual({
      question: expect.any(String),
      answer: expect.any(String),
      row: expect.any(Number),
    });
    expect(train.every(({ row }) => row < 6 || row > 8)).toBe(true);
  });

  it("reads CSV", async () => {
    const text = [
      "question,answer",
      ...Array.from(
        { length: 120 },
        (_, index) => `"what, is ${index * 7919}?","word${index} and\nword${index * 31}"`,
      ),
    ].join("\r\n");
    const object = await world.objects.put("datasets/csv/original", Buffer.from(text));
    const columns = {
      shape: { case: "instruct" as const, value: { instruction: "question", output: "answer" } },
    };
    const jobId = await acceptJob(world, "", {
      dataset: { datasetId: "csv", object, format: FileFormat.CSV, columns },
    });
    const [split] = await world.waitFor(SplitCommittedSchema, jobId);
    expect(split!.trainRows + split!.heldoutRows).toBe(120);
  });
});

describe("what cannot succeed", () => {
  it("fails a job without a single artifact and quotes the reasons", async () => {
    const { jobId } = await acceptAndSplit(world);
    const failure = { code: "OUT_OF_MEMORY", message: "The training ran out of memory." };
    await finishRace(world, jobId, [
      entry("a", { artifact: [], failure }),
      entry("b", { artifact: [], failure }),
    ]);
    const [failed] = await world.waitFor(JobFailedSchema, jobId);
    expect(failed?.reason).toMatchObject({
      code: "ALL_ATTEMPTS_FAILED",
      message: "No attempt produced a model. Recipe a, Recipe b: The training ran out of memory.",
      customerError: false,
    });
  });

  it.each([
    ["too few rows", dataset(40), "DATASET_TOO_SMALL", "40 usable rows"],
    ["no rows", "\n", "DATASET_INVALID", "holds no rows"],
    ["no JSON lines", "[1, 2]", "DATASET_INVALID", "line 1"],
    ["only bad rows", '{"question":"q"}\n'.repeat(3), "DATASET_TOO_SMALL", "3 missing column"],
  ])("fails a data set with %s", async (_what, text, code, message) => {
    const jobId = await acceptJob(world, text);
    const [failed] = await world.waitFor(JobFailedSchema, jobId);
    expect(failed?.reason).toMatchObject({
      code,
      message: expect.stringContaining(message),
      customerError: true,
    });
    expect(await openTasks(jobId)).toBe(0);
  });

  it("fails a job whose artifacts are all refused, in words", async () => {
    const { jobId } = await acceptAndSplit(world);
    const requests = await finishRace(world, jobId, [entry("a"), entry("plain")]);
    const { rows } = await heldoutRows(world, requests[0]!);
    for (const request of requests) {
      const scores = await putScores(world, request, scoreLines(rows, 1, "same"));
      await finishEvaluation(world, request, scores, { checks: { ...checks, changed: false } });
    }
    const [failed] = await world.waitFor(JobFailedSchema, jobId);
    expect(failed?.reason).toMatchObject({
      code: "NO_VALID_ARTIFACT",
      message: expect.stringContaining("nothing was trained"),
    });
  });

  it("ends a job at its deadline", async () => {
    const { jobId } = await acceptAndSplit(world);
    const deadline = world.db.q.updateTable("task").set({ due_at: new Date() });
    await deadline.where("job_id", "=", jobId).where("kind", "=", "deadline").execute();
    const [failed] = await world.waitFor(JobFailedSchema, jobId);
    const message = expect.stringContaining("attempts were still running");
    expect(failed?.reason).toMatchObject({ code: "DEADLINE_EXCEEDED", message });
  });

  it("ends a job that comes with its deadline past", async () => {
    const jobId = await acceptJob(world, dataset(120), { deadline: timestampFromDate(new Date(0)) });
    const [failed] = await world.waitFor(JobFailedSchema, jobId);
    expect(failed?.reason).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  it("ends a job whose order lacks what it needs", async () => {
    const jobId = newId();
    await world.publish(JobAcceptedSchema, { jobId });
    const [failed] = await world.waitFor(JobFailedSchema, jobId);
    expect(failed?.reason).toMatchObject({
      code: "PLATFORM_FAULT",
      message: expect.stringContaining("base model"),
    });
  });

  it("says nothing more about a cancelled job", async () => {
    const { jobId } = await acceptAndSplit(world);
    await world.publish(JobCancelledSchema, { jobId });
    await expect.poll(() => openTasks(jobId)).toBe(0);
    await finishRace(world, jobId, [entry("a", { artifact: [], failure: { code: "X", message: "x" } })]);
    const other = await acceptAndSplit(world);
    expect(world.seen(JobFailedSchema, jobId)).toEqual([]);
    expect(other.jobId).not.toBe(jobId);
  });
});

describe("one failed entry among others", () => {
  it("gives the others their own scores, when one lacks a row, one is forged and one could not be evaluated", async () => {
    const { jobId } = await acceptAndSplit(world);
    const entries = ["a", "forged", "short", "unsafe", "z"].map((id) => entry(id)).concat(entry("plain"));
    const requests = await finishRace(world, jobId, entries);
    const { rows } = await heldoutRows(world, requests[0]!);
    const factors: Record<string, number> = { a: 0.6, z: 0.4, plain: 0.9 };
    for (const request of requests) {
      const { attemptId, evaluationId } = request;
      const lines = scoreLines(rows, factors[attemptId] ?? 1, attemptId);
      if (attemptId === "unsafe") {
        await world.publish(EvaluationFailedSchema, {
          jobId,
          evaluationId,
          reason: { code: "ARTIFACT_UNSAFE", message: "It holds a pickle." },
        });
        continue;
      }
      const scores = await putScores(world, request, attemptId === "short" ? lines.toSpliced(10, 1) : lines);
      if (attemptId === "forged") await flipBit(scores.key, lines.join("\n"));
      await finishEvaluation(world, request, scores);
    }
    const [scored] = await world.waitFor(JobScoredSchema, jobId);
    const byId = Object.fromEntries(scored!.ranking.map((ranked) => [ranked.attemptId, ranked]));
    expect(byId["z"]).toMatchObject({ rank: 1, gainOverBase: { value: expect.closeTo(0.6, 1) } });
    expect(byId["a"]).toMatchObject({ rank: 2, gainOverBase: { value: expect.closeTo(0.4, 1) } });
    expect(byId["plain"]).toMatchObject({ rank: 3, gainOverBase: { value: expect.closeTo(0.1, 1) } });
    expect(byId["short"]).toMatchObject({
      rank: 0,
      disqualification: {
        code: "INCOMPLETE",
        message: expect.stringContaining("1 held-out rows have no score"),
      },
    });
    expect(byId["forged"]).toMatchObject({ rank: 0, disqualification: { code: "SCORES_UNTRUSTED" } });
    expect(byId["unsafe"]).toMatchObject({
      rank: 0,
      disqualification: { code: "UNSAFE", message: "It holds a pickle." },
    });
  });

  it("takes the later of two equal artifacts for the copy, by the time in the race's entry", async () => {
    const { jobId } = await acceptAndSplit(world);
    const at = (second: number) => ({ finishedAt: timestampFromDate(new Date(second * 1_000)) });
    const entries = [entry("a-late", at(2)), entry("b-early", at(1)), entry("plain", at(3))];
    const requests = await finishRace(world, jobId, entries);
    const { rows } = await heldoutRows(world, requests[0]!);
    for (const request of requests) {
      const twins = request.attemptId.includes("-") ? "twins" : request.attemptId;
      const factor = { "": 1, plain: 0.8, twins: 0.5 }[twins] ?? 1;
      await finishEvaluation(
        world,
        request,
        await putScores(world, request, scoreLines(rows, factor, twins)),
      );
    }
    const [scored] = await world.waitFor(JobScoredSchema, jobId);
    expect(scored?.winnerAttemptId).toBe("b-early");
    expect(scored?.ranking.at(-1)).toMatchObject({
      attemptId: "a-late",
      disqualification: { code: "COPY", message: expect.stringContaining("b-early") },
    });
  });

  it("fails the job when the base model's scores are forged: there is nothing to compare with", async () => {
    const { jobId } = await acceptAndSplit(world);
    const requests = await finishRace(world, jobId, [entry("plain")]);
    const { rows } = await heldoutRows(world, requests[0]!);
    for (const request of requests) {
      const lines = scoreLines(rows, request.attemptId ? 0.5 : 1, request.attemptId);
      const scores = await putScores(world, request, lines);
      if (request.attemptId === "") await flipBit(scores.key, lines.join("\n"));
      await finishEvaluation(world, request, scores);
    }
    const [failed] = await world.waitFor(JobFailedSchema, jobId);
    expect(failed?.reason).toMatchObject({
      code: "BASE_NOT_EVALUATED",
      message: expect.stringContaining("do not match the digest"),
    });
  });
});

describe("gRPC", () => {
  it("tells split, evaluations and verdict, and the salt only with the verdict", async () => {
    const client = createRpcClient(ScorerService, { target: scorer.grpc, defaultDeadlineMs: 5_000 });
    await using closing = new AsyncDisposableStack();
    closing.defer(async () => client.close());
    await expect(client.getSplit({ jobId: "unknown" })).rejects.toMatchObject({
      code: "NOT_FOUND",
      reason: "JOB_NOT_FOUND",
    });
    const { jobId, split } = await acceptAndSplit(world);
    const { salt } = await world.db.q
      .selectFrom("job")
      .select("salt")
      .where("job_id", "=", jobId)
      .executeTakeFirstOrThrow();
    const before = await client.getSplit({ jobId });
    expect(before).toMatchObject({ heldoutRows: 32, heldoutCommitment: split.heldoutCommitment });
    expect(JSON.stringify(before)).not.toContain(salt.toString("hex"));
    await expect(client.getVerdict({ jobId })).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "NO_VERDICT",
      metadata: { state: "racing" },
    });
    const requests = await finishRace(world, jobId, [entry("plain")]);
    const { rows } = await heldoutRows(world, requests[0]!);
    for (const request of requests) {
      await finishEvaluation(
        world,
        request,
        await putScores(world, request, scoreLines(rows, request.attemptId ? 0.5 : 1, request.attemptId)),
      );
    }
    await world.waitFor(JobScoredSchema, jobId);
    const { verdict } = await client.getVerdict({ jobId });
    expect(verdict).toMatchObject({ winnerAttemptId: "plain", revealedSalt: salt.toString("hex") });
    const { evaluations } = await client.listEvaluations({ jobId });
    expect(evaluations.map(({ state }) => state)).toEqual([
      EvaluationState.FINISHED,
      EvaluationState.FINISHED,
    ]);
  });
});

function expectVerdict(scored: JobScored, commitment: string): void {
  expect(scored).toMatchObject({
    winnerAttemptId: "better",
    tie: false,
    heldoutRows: 32,
    heldoutCommitment: commitment,
    baseExactMatch: 0.25,
  });
  expect(scored.ranking.map(({ attemptId, rank }) => [attemptId, rank])).toEqual([
    ["better", 1],
    ["plain", 2],
    ["broken", 0],
  ]);
  expect(scored.ranking[0]).toMatchObject({
    recipeTitle: "Recipe better",
    contestantHotkey: "hotkey-better",
    probabilityBest: 1,
    gainOverDefault: { value: expect.closeTo(0.375, 1) },
  });
  expect(scored.ranking[1]).toMatchObject({ defaultRecipe: true });
  expect(scored.ranking[1]?.gainOverDefault).toBeUndefined();
  expect(scored.ranking[2]?.disqualification).toMatchObject({ code: "OUT_OF_MEMORY" });
  expect(scored.winnerArtifact[0]?.object?.key).toContain("/better/");
  expect(scored.samples[0]).toMatchObject({
    baseAnswer: "answer of ",
    answers: { better: "answer of better", plain: "answer of plain" },
  });
}

async function expectEvidence(scored: JobScored, heldout: string): Promise<void> {
  expect(await textOf(scored.heldout!)).toBe(heldout);
  const bundle = JSON.parse(await textOf(scored.evidence!)) as EvidenceBundle;
  const published = { heldout: Buffer.from(heldout), commitment: scored.heldoutCommitment };
  const verified = verifyEvidence(bundle, published);
  expect(verified).toHaveLength(6);
  expect(verified.filter(({ passed }) => !passed)).toEqual([]);
  await expectCommandLine(scored, bundle, heldout);
  const commitment = createHash("sha256")
    .update(Buffer.from(scored.revealedSalt, "hex"))
    .update(heldout)
    .digest("hex");
  expect(commitment).toBe(scored.heldoutCommitment);
}

/** The program for auditors, on the honest bundle and on one with another winner. */
async function expectCommandLine(scored: JobScored, bundle: EvidenceBundle, heldout: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "evidence-"));
  const paths = {
    bundle: join(folder, "evidence.json"),
    heldout: join(folder, "heldout.jsonl"),
    forged: join(folder, "forged.json"),
  };
  await writeFile(paths.bundle, canonicalJson(bundle));
  await writeFile(paths.heldout, heldout);
  await writeFile(
    paths.forged,
    canonicalJson({ ...bundle, verdict: { ...bundle.verdict, winnerAttemptId: "plain" } }),
  );
  const run = promisify(execFile);
  const program = fileURLToPath(new URL("../../../tools/setup/verify.mjs", import.meta.url));
  const { sha256 = "" } = scored.evidence ?? {};
  const { stdout } = await run(process.execPath, [
    program,
    paths.bundle,
    "--heldout",
    paths.heldout,
    "--sha256",
    sha256,
    "--commitment",
    scored.heldoutCommitment,
  ]);
  expect(stdout).not.toMatch(/FAILS|not checked/);
  await expect(run(process.execPath, [program, paths.forged])).rejects.toMatchObject({
    code: 1,
    stdout: expect.stringContaining("FAILS"),
  });
  await rm(folder, { recursive: true });
}

async function flipBit(key: string, content: string): Promise<void> {
  const bytes = Buffer.from(`${content}\n`);
  const digit = bytes.indexOf("nll_sum") + 9;
  bytes[digit] = (bytes[digit] ?? 0) ^ 1;
  await world.objects.put(key, bytes);
}

async function textOf(ref: Parameters<World["objects"]["get"]>[0]): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of world.objects.get(ref)) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

async function jsonLines(ref: Parameters<World["objects"]["get"]>[0]): Promise<{ row: number }[]> {
  return (await textOf(ref))
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { row: number });
}

async function openTasks(jobId: string): Promise<number> {
  const rows = await world.db.q.selectFrom("task").select("kind").where("job_id", "=", jobId).execute();
  return rows.length;
}
