/** One row of a data set: column name to JSON value. */
export type RowValue = Readonly<Record<string, unknown>>;

/** What can be wrong with one row; the other rows are not touched by it. */
export type RowRule =
  | "MALFORMED_LINE"
  | "NOT_AN_OBJECT"
  | "MIXED_ENCODING"
  | "ROW_TOO_LARGE"
  | "WRONG_COLUMN_COUNT"
  | "MISSING_COLUMN"
  | "NOT_TEXT"
  | "EMPTY_INSTRUCTION"
  | "EMPTY_OUTPUT"
  | "BAD_MESSAGES"
  | "NO_ANSWER";

/** A fault of one row, in words for the owner of the data. */
export interface RowError {
  readonly rule: RowRule;
  /** What was found. */
  readonly message: string;
  /** What would be right. */
  readonly fix: string;
  readonly column?: string;
}

/**
 * One row as read. `row` is its 1-based number in the customer's file: the line in JSONL (blank lines are counted and skipped), the record below
 * the header in CSV, the record in Parquet. `line` is the 1-based line on which the row starts; Parquet has none.
 */
export type ReadRow = { readonly row: number; readonly line?: number; readonly bytes: number } & (
  | { readonly value: RowValue }
  | { readonly error: RowError }
);

/** What can be wrong with a file as a whole. */
export type FileRule =
  | "EMPTY_FILE"
  | "NOT_UTF8"
  | "WRONG_FORMAT"
  | "NOT_JSON_LINES"
  | "BAD_CSV"
  | "BAD_CSV_HEADER"
  | "BAD_PARQUET"
  | "ROW_GROUP_TOO_LARGE";

/** The file cannot be read on: thrown by `readRows`. Says what was found and what would be right. */
export class DatasetFileError extends Error {
  override readonly name = "DatasetFileError";
  readonly rule: FileRule;
  readonly fix: string;
  readonly line: number | undefined;

  constructor(
    rule: FileRule,
    message: string,
    fix: string,
    options: { readonly line?: number; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.rule = rule;
    this.fix = fix;
    this.line = options.line;
  }
}
