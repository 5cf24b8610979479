/** One benchmark: a section of docs/benchmarks.md. */
export interface Benchmark {
  readonly name: string;
  readonly title: string;
  /** What it measures, for --help. */
  readonly about: string;
  /** How long a full run takes. */
  readonly minutes: number;
  readonly run: (options: RunOptions) => Promise<Findings>;
}

export interface RunOptions {
  /** Shorter, to see that it works: the figures are rough, and the document keeps those of the last full run. */
  readonly isQuick: boolean;
  /** Asked for by --minutes. */
  readonly minutes?: number | undefined;
  /** Asked for by --rounds. */
  readonly rounds?: number | undefined;
  /** Asked for by --share. */
  readonly share?: number | undefined;
  /** Folder for CPU profiles of the measured processes. */
  readonly profileDir: string | undefined;
  /** Tells whoever waits how far it is. */
  readonly say: (line: string) => void;
}

export interface Findings {
  /** How it was measured: Markdown. */
  readonly method: string;
  readonly tables: readonly Table[];
  /** What was found along the way that no row tells. */
  readonly notes?: readonly string[];
  /** Versions besides that of Node. */
  readonly versions: Readonly<Record<string, string>>;
}

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A measured value beside the same thing done barely in the same run, and what it is held to. */
export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly beside?: { readonly what: string; readonly value: number };
  readonly target?: { readonly atLeast: number } | { readonly atMost: number };
}

export function figureTable(figures: readonly Figure[]): Table {
  return {
    head: ["figure", "measured", "beside it, same run", "ratio", "wanted"],
    rows: figures.map(({ what, value, unit, beside, target }) => [
      what,
      `${number(value)} ${unit}`,
      beside ? `${number(beside.value)} ${unit}: ${beside.what}` : "",
      beside ? (value / beside.value).toFixed(2) : "",
      target ? wanted(value, target, unit) : "",
    ]),
  };
}

/** Three significant digits, or all that stand before the point. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return "-";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value) || 1)));
  const [whole = "", fraction] = value.toFixed(Math.min(digits, 4)).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

function wanted(value: number, target: NonNullable<Figure["target"]>, unit: string): string {
  const [bound, word, holds] =
    "atLeast" in target
      ? [target.atLeast, "at least", value >= target.atLeast]
      : [target.atMost, "at most", value <= target.atMost];
  return `${word} ${number(bound)} ${unit}: ${holds ? "holds" : "not met"}`;
}
