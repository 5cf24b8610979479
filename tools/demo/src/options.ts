import { parseArgs } from "node:util";

/** What the demo was asked to do. */
export interface DemoOptions {
  /** Folder or hub id of a base model; undefined takes the one from set-up. */
  readonly model: string | undefined;
  /** The user's own data set; undefined takes the sample. */
  readonly dataset: string | undefined;
  readonly contestants: number;
  readonly budgetSeconds: number;
  readonly keep: boolean;
}

const HELP = `npm run demo -- [options]

Fine-tunes a small real model by competition on this machine: real PostgreSQL, NATS, S3 and a local chain,
three contestants, a verdict with evidence, and the winner's adapter loaded and tried.

  --model <folder|hub id>   base model: a Hugging Face folder or a hub id   [SmolLM2-135M-Instruct from set-up]
  --dataset <file>          your own .jsonl, .csv or .parquet               [WordNet entries to JSON]
  --contestants <n>         recipes that compete, 1 to 3                    [3]
  --budget <seconds>        training time of each contestant                [80]
  --keep                    leave the system running afterwards; Ctrl-C ends it
  --help                    this text
`;

/** Exits with the help text when asked for, or with one sentence about a wrong option. */
export function parseOptions(
  argv: readonly string[],
): DemoOptions | { readonly text: string; readonly exitCode: number } {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: {
        model: { type: "string" },
        dataset: { type: "string" },
        contestants: { type: "string", default: "3" },
        budget: { type: "string", default: "80" },
        keep: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    if (values.help) return { text: HELP, exitCode: 0 };
    return {
      model: values.model,
      dataset: values.dataset,
      contestants: integer("--contestants", values.contestants, 1, 3),
      budgetSeconds: integer("--budget", values.budget, 10, 86_400),
      keep: values.keep,
    };
  } catch (error) {
    return {
      text: `${error instanceof Error ? error.message : String(error)}\nTry npm run demo -- --help\n`,
      exitCode: 64,
    };
  }
}

function integer(option: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  throw new Error(`${option} takes a whole number from ${low} to ${high}; found "${text}".`);
}
