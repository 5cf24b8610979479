import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { paths } from "../../../setup/paths.mjs";
import type { Benchmark, Findings, RunOptions } from "../benchmark.ts";

export const verdictsBenchmark: Benchmark = {
  name: "verdicts",
  title: "Verdicts on races with known truth",
  about: "wrong winners and power of the scorer's verdict, beside the lowest mean loss",
  minutes: 10,
  run,
};

interface Line {
  readonly rows: number;
  readonly contestants: number;
  readonly gap: number;
  readonly wrongWinners: number;
  readonly power: number;
  readonly ties: number;
  readonly wrongByMean: number;
  readonly coverage: number;
  readonly races: number;
  readonly resamples: number;
  readonly seed: string;
}

/** A tie names no winner, so what is held to this is naming the wrong one. */
const MOST_WRONG = 0.05;

async function run({ isQuick }: RunOptions): Promise<Findings> {
  const program = join(paths.repositoryRoot, "services/scorer/src/verdict-figures.ts");
  const size = isQuick ? ["--races", "20", "--resamples", "200"] : [];
  const { stdout } = await promisify(execFile)(process.execPath, [program, "--json", ...size], {
    maxBuffer: 2 ** 24,
  });
  const lines = stdout
    .trim()
    .split("\n")
    .map((text) => JSON.parse(text) as Line);
  const [first] = lines;
  if (!first) throw new Error("The scorer told no figures");
  const { races, resamples, seed } = first;
  const worst = Math.max(...lines.map(({ wrongWinners }) => wrongWinners));
  return {
    method: `Simulated races whose true gaps are known go through the scorer's own verdict: ${races} in each line, ${resamples} resamples in each race, seed ${seed}. Beside it the plain rule that takes the lowest mean loss and never ties.`,
    tables: [
      {
        head: [
          "held-out rows",
          "contestants",
          "true gap",
          "wrong sole winner",
          "right sole winner",
          "tie",
          "wrong by lowest mean loss",
          "intervals that hold the truth",
        ],
        rows: lines.map(rowOf),
      },
    ],
    notes: [
      `Most wrong sole winners in a line: ${percent(worst)}, wanted at most ${percent(MOST_WRONG)}: ${worst <= MOST_WRONG ? "holds" : "not met"}.`,
    ],
    versions: {},
  };
}

/** Without a gap nobody is the right winner, and the rule that always names one cannot be wrong. */
function rowOf({
  rows,
  contestants,
  gap,
  wrongWinners,
  power,
  ties,
  wrongByMean,
  coverage,
}: Line): readonly string[] {
  const ifGap = (share: number) => (gap === 0 ? "" : percent(share));
  return [
    String(rows),
    String(contestants),
    percent(gap),
    percent(wrongWinners),
    ifGap(power),
    percent(ties),
    ifGap(wrongByMean),
    percent(coverage),
  ];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
