import { Readable } from "node:stream";
import { CsvError, type Options, parse } from "csv-parse";
import { DatasetFileError, type ReadRow, type RowError } from "./row.ts";
import { afterStartCheck, decodeUtf8, mixedEncoding } from "./text-encoding.ts";

const DELIMITERS = [",", ";", "\t"] as const;
const HEADER_PEEK_BYTES = 64 * 1024;

/** Rows of a CSV file with a header line. Takes commas, semicolons or tabs (found from the header), quoted newlines, LF and CRLF. */
export async function* readCsv(
  bytes: AsyncIterable<Uint8Array>,
  maxRowBytes: number,
): AsyncGenerator<ReadRow, void, undefined> {
  const { delimiter, stream } = await peekDelimiter(afterStartCheck(bytes));
  const parsed: Position = { lines: 0 };
  let header: readonly string[] | undefined;
  let row = 0;
  try {
    for await (const record of records(stream, delimiter, maxRowBytes, parsed)) {
      if (header) yield toRow(header, record, ++row);
      else header = readHeader(record.fields);
    }
  } catch (error) {
    throw error instanceof CsvError ? unreadable(error, parsed.lines + 1, maxRowBytes) : error;
  }
}

function toRow(header: readonly string[], { fields, line, bytes }: CsvRecord, row: number): ReadRow {
  const place = { row, line, bytes };
  if (fields.length !== header.length) return { ...place, error: wrongCount(header.length, fields.length) };
  const texts = fields.map(decodeUtf8);
  if (texts.includes(undefined)) return { ...place, error: mixedEncoding };
  return { ...place, value: Object.fromEntries(header.map((name, index) => [name, texts[index]])) };
}

function readHeader(fields: readonly Uint8Array[]): readonly string[] {
  const names = fields.map((field) => decodeUtf8(field)?.trim());
  const problem = headerProblem(names);
  if (problem)
    throw new DatasetFileError(
      "BAD_CSV_HEADER",
      problem,
      "Start the file with a line of column names, for example instruction,output.",
      { line: 1 },
    );
  return names.map((name) => name ?? "");
}

function headerProblem(names: readonly (string | undefined)[]): string | undefined {
  if (names.includes(undefined)) return "The header line is not valid UTF-8.";
  const empty = names.indexOf("");
  if (empty >= 0) return `Column ${empty + 1} of the header has no name.`;
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) return `The header names the column "${twice}" twice.`;
  return undefined;
}

function wrongCount(wanted: number, found: number): RowError {
  return {
    rule: "WRONG_COLUMN_COUNT",
    message: `The row has ${found} ${found === 1 ? "field" : "fields"}, the header ${wanted}.`,
    fix: "Put fields that hold the delimiter, quotes or line breaks in double quotes.",
  };
}

function unreadable(error: CsvError, line: number, maxRowBytes: number): DatasetFileError {
  const options = { line, cause: error };
  if (error.code === "CSV_QUOTE_NOT_CLOSED" || error.code === "CSV_MAX_RECORD_SIZE") {
    const message = `The row that starts on line ${line} does not end within ${maxRowBytes} bytes or before the file ends: a double quote is probably never closed.`;
    return new DatasetFileError(
      "BAD_CSV",
      message,
      'Close the quoted field; write a quote inside one as "".',
      options,
    );
  }
  return new DatasetFileError(
    "BAD_CSV",
    `The row that starts on line ${line} is no valid CSV: ${error.message}`,
    "Quote fields by RFC 4180.",
    options,
  );
}

/**
 * Fields stay bytes, so that a field in another encoding is noticed instead of replaced. `parsed` follows the parser, which runs ahead of the reader:
 * after a fault it says where the bad record starts.
 */
function records(
  stream: AsyncIterable<Uint8Array>,
  delimiter: string,
  maxRowBytes: number,
  parsed: Position,
): AsyncIterable<CsvRecord> {
  let bytesBefore = 0;
  const options: Options<CsvRecord, readonly Uint8Array[]> = {
    delimiter,
    encoding: null,
    record_delimiter: ["\r\n", "\n"],
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: maxRowBytes,
    on_record: (fields, { lines, bytes }) => {
      const record = { fields, line: parsed.lines + 1, bytes: bytes - bytesBefore };
      parsed.lines = lines;
      bytesBefore = bytes;
      return record;
    },
  };
  const parser = parse(options as unknown as Options); // its types know strings only; with no encoding fields are bytes, and items are what on_record returns
  const source = Readable.from(stream, { objectMode: false });
  source.on("error", (error) => parser.destroy(error));
  parser.on("close", () => source.destroy());
  return source.pipe(parser) as AsyncIterable<CsvRecord>;
}

async function peekDelimiter(
  bytes: AsyncIterable<Uint8Array>,
): Promise<{ readonly delimiter: string; readonly stream: AsyncIterable<Uint8Array> }> {
  const iterator = bytes[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  let isDone = false;
  while (!isDone && head.length < HEADER_PEEK_BYTES && !head.includes("\n")) {
    const next = await iterator.next();
    if (next.done) isDone = true;
    else head = Buffer.concat([head, next.value]);
  }
  return { delimiter: commonestDelimiter(head), stream: resume(head, iterator) };
}

function commonestDelimiter(head: Buffer): string {
  const [firstLine = ""] = head.toString("latin1").split("\n", 1);
  const unquoted = firstLine.replaceAll(/"[^"]*"/g, "");
  const counts = DELIMITERS.map((delimiter) => unquoted.split(delimiter).length);
  return DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ",";
}

async function* resume(
  head: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield head;
  yield* { [Symbol.asyncIterator]: () => rest };
}

interface Position {
  lines: number;
}

interface CsvRecord {
  readonly fields: readonly Uint8Array[];
  readonly line: number;
  readonly bytes: number;
}
