import type { RowValue } from "@gradients/dataset";

export type ColumnType = "string" | "number" | "boolean" | "list" | "object" | "mixed";

export interface ColumnSummary {
  readonly name: string;
  /** "mixed" also when a column has no value at all. */
  readonly type: ColumnType;
  /** Rows where it is missing, null or blank text. */
  readonly emptyValues: number;
}

/** A wide file is described by its first columns only. */
const MAX_COLUMNS = 200;

/** Name, type and gaps of each column, over all rows. */
export class ColumnStats {
  readonly #columns = new Map<string, { types: Set<ColumnType>; filled: number }>();
  #rows = 0;

  add(row: RowValue): void {
    this.#rows++;
    for (const [name, value] of Object.entries(row)) {
      const column = this.#column(name);
      if (!column || isEmpty(value)) continue;
      column.types.add(typeOf(value));
      column.filled++;
    }
  }

  list(): readonly ColumnSummary[] {
    return [...this.#columns].map(([name, { types, filled }]) => {
      const [only = "mixed"] = types;
      return { name, type: types.size > 1 ? "mixed" : only, emptyValues: this.#rows - filled };
    });
  }

  #column(name: string): { types: Set<ColumnType>; filled: number } | undefined {
    const known = this.#columns.get(name);
    if (known || this.#columns.size >= MAX_COLUMNS) return known;
    const column = { types: new Set<ColumnType>(), filled: 0 };
    this.#columns.set(name, column);
    return column;
  }
}

function isEmpty(value: unknown): boolean {
  return value === null || value === undefined || (typeof value === "string" && value.trim() === "");
}

function typeOf(value: unknown): ColumnType {
  if (Array.isArray(value)) return "list";
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return typeof value as ColumnType;
  return "object";
}
