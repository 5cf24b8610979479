import {
  classifyRow,
  type DatasetFileError,
  type DatasetFormat,
  detectMapping,
  type Mapping,
  missingColumns,
  type ReadRow,
  type RowRule,
  type RowValue,
} from "@gradients/dataset";
import { ColumnStats, type ColumnSummary } from "./column-stats.ts";
import { DigestSet } from "./digest-set.ts";
import { type Finding, Findings } from "./findings.ts";
import { type ChatMessage, rowMessages } from "./row-messages.ts";
import { type TokenBucket, TokenHistogram } from "./token-histogram.ts";
import { trainingLength } from "./training-length.ts";

/** The model's own template and tokenizer. */
export interface TextModel {
  readonly contextLength: number;
  /** The text that the model sees; throws TemplateRefusal when its template does not take the conversation. */
  render(messages: readonly ChatMessage[]): string;
  countTokens(text: string): number;
}

/** The chat template cannot say such a conversation. */
export class TemplateRefusal extends Error {
  override readonly name = "TemplateRefusal";
}

export interface CheckOptions {
  readonly format: DatasetFormat;
  readonly model: TextModel;
  readonly chosenMapping: Mapping | undefined;
  /** A job needs that many usable rows. */
  readonly minUsableRows: number;
  /** Rows that can be told apart at most; with more of them the data set cannot be used. */
  readonly maxRows: number;
}

export interface CheckResult {
  readonly isUsable: boolean;
  readonly format: DatasetFormat;
  readonly columns: readonly ColumnSummary[];
  readonly mapping: Mapping | undefined;
  readonly rows: number;
  readonly usableRows: number;
  readonly duplicateRows: number;
  readonly emptyRows: number;
  readonly overlongRows: number;
  /** Usable, but a job leaves them out of training unless it allows for their length. */
  readonly longRows: number;
  readonly trainingLength: number;
  readonly totalTokens: number;
  readonly tokenHistogram: readonly TokenBucket[];
  readonly findings: readonly Finding[];
  readonly previews: readonly string[];
}

/** These say that the file itself is damaged; other row faults cost only their rows. */
const structuralRules: ReadonlySet<RowRule> = new Set<RowRule>([
  "MALFORMED_LINE",
  "NOT_AN_OBJECT",
  "MIXED_ENCODING",
  "WRONG_COLUMN_COUNT",
]);
const emptyRules: ReadonlySet<RowRule> = new Set<RowRule>(["EMPTY_INSTRUCTION", "EMPTY_OUTPUT"]);
/** Columns are looked for in the first rows together: JSONL rows may leave out the optional ones. */
const MAPPING_SAMPLE_ROWS = 20;
const MAX_PREVIEWS = 3;
const MAX_PREVIEW_LENGTH = 4_000;

/** The check of one data set, fed row by row; memory does not grow with the file but for 16 bytes a row. */
export class DatasetCheck {
  readonly #options: CheckOptions;
  readonly #findings = new Findings();
  readonly #columns = new ColumnStats();
  readonly #seen = new DigestSet();
  readonly #histogram = new TokenHistogram();
  readonly #previews: string[] = [];
  #sample: { readonly row: number; readonly value: RowValue }[] | undefined = [];
  #mapping: Mapping | undefined;
  #rows = 0;
  #usable = 0;
  #duplicates = 0;
  #empty = 0;
  #overlong = 0;
  #long = 0;

  constructor(options: CheckOptions) {
    this.#options = options;
  }

  /** There is no use in going on. */
  get isTooLarge(): boolean {
    return this.#usable + this.#overlong > this.#options.maxRows;
  }

  add(read: ReadRow): void {
    this.#rows++;
    if ("error" in read) {
      const { rule } = read.error;
      this.#findings.add({
        ...read.error,
        severity: structuralRules.has(rule) ? "error" : "warning",
        row: read.line ?? read.row,
      });
      return;
    }
    this.#columns.add(read.value);
    if (!this.#sample) return this.#classify(read.row, read.value);
    this.#sample.push({ row: read.row, value: read.value });
    if (this.#sample.length >= MAPPING_SAMPLE_ROWS) this.#chooseMapping();
  }

  /** The file could not be read to its end. */
  fail({ rule, message, fix, line }: DatasetFileError): void {
    this.#findings.add({ rule, message, fix, severity: "error", ...(line !== undefined && { row: line }) });
  }

  finish(): CheckResult {
    this.#chooseMapping();
    if (this.isTooLarge) this.#tooLarge();
    if (!this.#findings.hasErrors) this.#checkUsable();
    return {
      isUsable: !this.#findings.hasErrors,
      format: this.#options.format,
      columns: this.#columns.list(),
      mapping: this.#mapping,
      rows: this.#rows,
      usableRows: this.#usable,
      duplicateRows: this.#duplicates,
      emptyRows: this.#empty,
      overlongRows: this.#overlong,
      longRows: this.#long,
      trainingLength: trainingLength(this.#options.model.contextLength),
      totalTokens: this.#histogram.totalTokens,
      tokenHistogram: this.#histogram.list(),
      findings: this.#findings.list(),
      previews: this.#previews,
    };
  }

  #chooseMapping(): void {
    const sample = this.#sample;
    if (!sample) return;
    this.#sample = undefined;
    const columns = [...new Set(sample.flatMap(({ value }) => Object.keys(value)))];
    if (columns.length === 0) return;
    this.#mapping = this.#options.chosenMapping
      ? this.#checkChosen(this.#options.chosenMapping, columns)
      : this.#detect(columns, sample[0]?.value);
    for (const { row, value } of sample) this.#classify(row, value);
  }

  #checkChosen(mapping: Mapping, columns: readonly string[]): Mapping | undefined {
    const missing = missingColumns(mapping, columns);
    for (const column of missing) {
      const message = `The chosen column "${column}" is not in the file, which has ${columns.join(", ")}.`;
      this.#findings.add({
        rule: "COLUMN_UNKNOWN",
        severity: "error",
        column,
        message,
        fix: "Choose one of the columns that the file has.",
      });
    }
    return missing.length > 0 ? undefined : mapping;
  }

  #detect(columns: readonly string[], first: RowValue | undefined): Mapping | undefined {
    const mapping = detectMapping(columns, first);
    if (mapping) return mapping;
    const message = `No known pair of columns was found among ${columns.join(", ")}.`;
    const fix =
      'Name the columns "instruction" and "output" (or "messages" for conversations), or choose them at the upload.';
    this.#findings.add({ rule: "COLUMNS_NOT_FOUND", severity: "error", message, fix });
    return undefined;
  }

  #classify(row: number, value: RowValue): void {
    if (!this.#mapping) return;
    const classified = classifyRow(value, this.#mapping);
    if (!classified.ok) {
      if (emptyRules.has(classified.error.rule)) this.#empty++;
      this.#findings.add({ ...classified.error, severity: "warning", row });
      return;
    }
    const text = this.#render(row, rowMessages(classified.value, this.#mapping));
    if (text !== undefined) this.#measure(row, text);
  }

  #render(row: number, messages: readonly ChatMessage[]): string | undefined {
    try {
      return this.#options.model.render(messages);
    } catch (error) {
      if (!(error instanceof TemplateRefusal)) throw error;
      const fix = "Let user and assistant turns alternate, with at most one system turn at the start.";
      this.#findings.add({
        rule: "TEMPLATE_REFUSED",
        severity: "warning",
        message: `The model's template refuses the row: ${error.message}`,
        fix,
        row,
      });
      return undefined;
    }
  }

  #measure(row: number, text: string): void {
    const { model } = this.#options;
    const tokens = model.countTokens(text);
    this.#histogram.add(tokens);
    if (tokens > model.contextLength) {
      this.#overlong++;
      const message = `Rows are longer than the model's context of ${model.contextLength} tokens and are left out.`;
      this.#findings.add({
        rule: "OVERLONG_ROW",
        severity: "warning",
        message,
        fix: "Shorten them or split them into several rows.",
        row,
      });
    } else if (!this.#seen.add(text)) {
      this.#duplicates++;
      const message = "Rows repeat an earlier one word for word.";
      this.#findings.add({
        rule: "DUPLICATE_ROW",
        severity: "warning",
        message,
        fix: "Remove the repetitions.",
        row,
      });
    } else {
      this.#usable++;
      this.#noteLong(row, tokens);
      if (this.#previews.length < MAX_PREVIEWS) this.#previews.push(shorten(text));
    }
  }

  #noteLong(row: number, tokens: number): void {
    const { contextLength } = this.#options.model;
    const longest = trainingLength(contextLength);
    if (tokens <= longest) return;
    this.#long++;
    this.#findings.add({
      rule: "LONG_ROW",
      severity: "warning",
      message: `Rows are longer than the ${longest} tokens that a job trains with unless it says otherwise: training leaves them out.`,
      fix: `Shorten them, or set the job's max_length up to the model's context of ${contextLength} tokens.`,
      row,
    });
  }

  #tooLarge(): void {
    const limit = this.#options.maxRows.toLocaleString("en");
    this.#findings.add({
      rule: "DATASET_TOO_LARGE",
      severity: "error",
      message: `There are more than ${limit} rows that differ; the check ended at row ${this.#rows.toLocaleString("en")}.`,
      fix: `Upload a part of the file with at most ${limit} rows.`,
      row: this.#rows,
    });
  }

  #checkUsable(): void {
    const { minUsableRows } = this.#options;
    if (this.#usable === 0) {
      const message = `None of the ${this.#rows} rows can be trained on; the other findings say why.`;
      this.#findings.add({
        rule: "NO_USABLE_ROWS",
        severity: "error",
        message,
        fix: "Correct the rows and upload the file again.",
      });
    } else if (this.#usable < minUsableRows) {
      const message = `Only ${this.#usable} rows can be trained on; a job needs at least ${minUsableRows}.`;
      this.#findings.add({ rule: "TOO_FEW_ROWS", severity: "warning", message, fix: "Add more examples." });
    }
  }
}

function shorten(text: string): string {
  return text.length > MAX_PREVIEW_LENGTH ? `${text.slice(0, MAX_PREVIEW_LENGTH)}…` : text;
}
