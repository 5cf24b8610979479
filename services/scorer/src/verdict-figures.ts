import { parseArgs } from "node:util";
import { VERDICT_RULES } from "./domain/ranks.ts";
import { measureVerdicts, type VerdictFigures } from "./simulation/measure-verdicts.ts";

const usage = `node src/verdict-figures.ts [--races 1000] [--resamples 1000] [--seed 1] [--json]

Simulated races with known true gaps through the scorer's own verdict: wrong sole winners, power, and how often the 95 % intervals hold the truth.
`;

const ROWS = [30, 100, 400];
const CONTESTANTS = [2, 4, 8];
const GAPS = [0, 0.003, 0.01, 0.03, 0.1];

try {
  print();
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 2;
}

function print(): void {
  const { values } = parseArgs({
    options: {
      races: { type: "string", default: "1000" },
      resamples: { type: "string", default: "1000" },
      seed: { type: "string", default: "1" },
      json: { type: "boolean", default: false },
    },
  });
  const options = { races: whole(values.races), resamples: whole(values.resamples), seed: values.seed };
  if (!values.json) console.log(headOf(options));
  for (const rows of ROWS)
    for (const contestants of CONTESTANTS)
      for (const gap of GAPS) {
        const rules = { ...VERDICT_RULES, resamples: options.resamples };
        const figures = measureVerdicts({ rows, contestants, gap }, { ...options, rules });
        console.log(values.json ? JSON.stringify({ ...figures, ...options }) : lineOf(figures));
      }
}

function whole(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new Error(`"${text}" is no positive whole number.`);
  return number;
}

function headOf({ races, resamples, seed }: { races: number; resamples: number; seed: string }): string {
  return `${races} races in each line, ${resamples} resamples in each race, seed ${seed}

| held-out rows | contestants | true gap | wrong sole winner | right sole winner | tie | wrong by lowest mean loss | intervals that hold the truth |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |`;
}

function lineOf({ rows, contestants, gap, ...figures }: VerdictFigures): string {
  const shares = [figures.wrongWinners, figures.power, figures.ties, figures.wrongByMean, figures.coverage];
  // With no gap nobody can be the right or the wrong one for the rule that always names one.
  const cells = shares.map((share, index) =>
    gap === 0 && (index === 1 || index === 3) ? "" : percent(share),
  );
  return `| ${[rows, contestants, percent(gap), ...cells].join(" | ")} |`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
