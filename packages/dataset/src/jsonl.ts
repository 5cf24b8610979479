import { DatasetFileError, type ReadRow, type RowError, type RowValue } from "./row.ts";
import { afterStartCheck, decodeUtf8, mixedEncoding } from "./text-encoding.ts";

const NEWLINE = 0x0a;

/** Rows of a JSON Lines file. Takes LF and CRLF, a byte order mark and a last line without an end; skips blank lines. */
export async function* readJsonl(
  bytes: AsyncIterable<Uint8Array>,
  maxRowBytes: number,
): AsyncGenerator<ReadRow, void, undefined> {
  let isFirst = true;
  for await (const { line, content, size } of splitLines(bytes, maxRowBytes)) {
    if (content && isBlank(content)) continue;
    const row = parseLine(line, content, size, maxRowBytes);
    if (isFirst) refuseWholeDocument(content);
    isFirst = false;
    yield row;
  }
}

function parseLine(
  line: number,
  content: Uint8Array | undefined,
  size: number,
  maxRowBytes: number,
): ReadRow {
  const fault = (error: RowError): ReadRow => ({ row: line, line, bytes: size, error });
  if (!content) return fault(tooLarge(size, maxRowBytes));
  const text = decodeUtf8(content);
  if (text === undefined) return fault(mixedEncoding);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return fault(malformed(line, error));
  }
  return isObject(value) ? { row: line, line, bytes: size, value } : fault(notAnObject(value));
}

/** A JSON document over many lines would give one error per line; one error for the file says what to do. */
function refuseWholeDocument(content: Uint8Array | undefined): void {
  const start = content ? (decodeUtf8(content.subarray(0, 64)) ?? "").trim() : "";
  if (!start.startsWith("[") && start !== "{") return;
  const found = start === "{" ? "one JSON object spread over several lines" : "a JSON array";
  throw new DatasetFileError(
    "NOT_JSON_LINES",
    `The file is ${found}, not JSON Lines.`,
    "Write one JSON object per line, without an array around them.",
    { line: 1 },
  );
}

function malformed(line: number, error: unknown): RowError {
  const detail = error instanceof Error ? error.message : String(error);
  return {
    rule: "MALFORMED_LINE",
    message: `Line ${line} is not valid JSON: ${detail}`,
    fix: "Write one complete JSON object on the line.",
  };
}

function notAnObject(value: unknown): RowError {
  const found = value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`;
  return {
    rule: "NOT_AN_OBJECT",
    message: `The line holds ${found}, not an object.`,
    fix: 'Write an object such as {"instruction": "...", "output": "..."}.',
  };
}

function tooLarge(size: number, maxRowBytes: number): RowError {
  return {
    rule: "ROW_TOO_LARGE",
    message: `The line has ${size} bytes; at most ${maxRowBytes} are read.`,
    fix: "Split the example into shorter ones.",
  };
}

/** Lines with their 1-based numbers. `content` is undefined for a line longer than the limit: its bytes are counted, not kept. */
async function* splitLines(
  bytes: AsyncIterable<Uint8Array>,
  maxRowBytes: number,
): AsyncGenerator<Line, void, undefined> {
  let line = 1;
  let pending = new LineBuffer(maxRowBytes);
  for await (const chunk of afterStartCheck(bytes)) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      pending.add(chunk.subarray(start, end));
      yield { line: line++, content: pending.content(), size: pending.size };
      pending = new LineBuffer(maxRowBytes);
      start = end + 1;
    }
    pending.add(chunk.subarray(start));
  }
  if (pending.size > 0) yield { line, content: pending.content(), size: pending.size };
}

class LineBuffer {
  size = 0;
  readonly #pieces: Uint8Array[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(piece: Uint8Array): void {
    this.size += piece.length;
    if (this.size <= this.#limit) this.#pieces.push(piece);
    else this.#pieces.length = 0;
  }

  content(): Uint8Array | undefined {
    if (this.size > this.#limit) return undefined;
    const [first] = this.#pieces;
    return this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces);
  }
}

function isBlank(content: Uint8Array): boolean {
  return content.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d);
}

function isObject(value: unknown): value is RowValue {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

interface Line {
  readonly line: number;
  readonly content: Uint8Array | undefined;
  readonly size: number;
}
