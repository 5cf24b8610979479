import { appendFileSync } from "node:fs";

/** What a test has tried, for docs/reliability.md. */
export interface Figures {
  /** What was to hold, as a statement. */
  readonly promise: string;
  readonly tries: number;
  readonly failures: number;
  /** What was done to it, and how often. */
  readonly faults?: Readonly<Record<string, number>>;
  /** What went on meanwhile. */
  readonly load?: Readonly<Record<string, number>>;
  /** A measured figure, as a sentence. */
  readonly note?: string;
}

/** Prints them, and hands them to `npm run test:faults` when that runs the test. */
export function noteFigures(figures: Figures): void {
  const line = `${JSON.stringify(figures)}\n`;
  process.stdout.write(line);
  const file = process.env["GRADIENTS_FIGURES"];
  if (file) appendFileSync(file, line);
}

/** As often as `npm run test:faults` asks for, else `otherwise`. */
export function faultTimes(otherwise: number): number {
  return Number(process.env["GRADIENTS_FAULT_TIMES"] ?? otherwise);
}
