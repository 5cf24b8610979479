import type { FileRule, RowRule } from "@gradients/dataset";

type FindingRule =
  | RowRule
  | FileRule
  | "COLUMNS_NOT_FOUND"
  | "COLUMN_UNKNOWN"
  | "DUPLICATE_ROW"
  | "OVERLONG_ROW"
  | "LONG_ROW"
  | "TEMPLATE_REFUSED"
  | "TOO_FEW_ROWS"
  | "DATASET_TOO_LARGE"
  | "NO_USABLE_ROWS"
  | "CHECK_FAILED";

/** An error makes the data set unusable; a warning costs the rows it names. */
export type Severity = "error" | "warning";

export interface Finding {
  readonly rule: FindingRule;
  readonly severity: Severity;
  readonly message: string;
  readonly fix: string;
  readonly column: string;
  /** 1-based, the first ten. */
  readonly rows: readonly number[];
  readonly count: number;
}

export type NewFinding = Omit<Finding, "rows" | "count" | "column"> & {
  readonly column?: string;
  readonly row?: number;
};

const MAX_FINDINGS = 100;
const MAX_ROWS = 10;

/** Problems gathered by rule and column: one finding however many rows have it. */
export class Findings {
  readonly #byRule = new Map<string, { finding: Finding; rows: number[]; count: number }>();

  add({ column = "", row, ...found }: NewFinding): void {
    const key = `${found.rule} ${column}`;
    const entry = this.#byRule.get(key) ?? {
      finding: { ...found, column, rows: [], count: 0 },
      rows: [],
      count: 0,
    };
    this.#byRule.set(key, entry);
    entry.count++;
    if (row !== undefined && entry.rows.length < MAX_ROWS) entry.rows.push(row);
  }

  get hasErrors(): boolean {
    return [...this.#byRule.values()].some(({ finding }) => finding.severity === "error");
  }

  /** Errors first, then by how many rows they cost. */
  list(): readonly Finding[] {
    const all = [...this.#byRule.values()].map(({ finding, rows, count }) => ({ ...finding, rows, count }));
    return all.sort((a, b) => rank(a) - rank(b) || b.count - a.count).slice(0, MAX_FINDINGS);
  }
}

function rank({ severity }: Finding): number {
  return severity === "error" ? 0 : 1;
}
