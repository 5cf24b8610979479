import { zstdCompressSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import type { RandomAccess } from "./parquet.ts";
import { type ReadOptions, type RowSource, readRows } from "./read-rows.ts";
import type { ReadRow } from "./row.ts";

describe("JSON Lines", () => {
  it("reads LF and CRLF, a byte order mark, blank lines and a last line without an end", async () => {
    const rows = await jsonl('\ufeff{"a":1}\r\n\n  \r\n{"a":"ü"}');
    expect(rows).toMatchObject([
      { row: 1, line: 1, value: { a: 1 } },
      { row: 4, line: 4, value: { a: "ü" } },
    ]);
  });

  it("gives the same rows however the bytes are cut", async () => {
    const bytes = Buffer.from('\ufeff{"text":"größer 🎉"}\r\n{"text":"b"}\n{"text":');
    const whole = await read({ format: "jsonl", bytes: chunks(bytes, bytes.length) });
    for (const size of [1, 2, 3, 7])
      expect(await read({ format: "jsonl", bytes: chunks(bytes, size) })).toEqual(whole);
  });

  it("reports a malformed line with its number and goes on", async () => {
    const rows = await jsonl('{"a":1}\n{"a":\n"text"\n[1]\nnull\n{"a":2}\n');
    expect(rows.map((row) => ("error" in row ? [row.row, row.error.rule] : row.row))).toEqual([
      1,
      [2, "MALFORMED_LINE"],
      [3, "NOT_AN_OBJECT"],
      [4, "NOT_AN_OBJECT"],
      [5, "NOT_AN_OBJECT"],
      6,
    ]);
    expect(rows[1]).toMatchObject({ error: { message: expect.stringContaining("Line 2") } });
  });

  it("reports a row in another encoding", async () => {
    const bytes = Buffer.concat([
      Buffer.from('{"a":"é"}\n'),
      Buffer.from('{"a":"é"}\n', "latin1"),
      Buffer.from('{"a":"ok"}\n'),
    ]);
    const rows = await read({ format: "jsonl", bytes: chunks(bytes, 5) });
    expect(rows.map((row) => ("error" in row ? row.error.rule : "ok"))).toEqual([
      "ok",
      "MIXED_ENCODING",
      "ok",
    ]);
  });

  it("does not keep a line that is too long", async () => {
    const rows = await jsonl(`{"a":"${"x".repeat(500)}"}\n{"a":1}\n`, { maxRowBytes: 100 });
    expect(rows).toMatchObject([
      { row: 1, error: { rule: "ROW_TOO_LARGE" } },
      { row: 2, value: { a: 1 } },
    ]);
  });

  it.each([
    ['[\n{"a":1}\n]', "NOT_JSON_LINES"],
    ['{\n  "a": 1\n}', "NOT_JSON_LINES"],
    ["", "EMPTY_FILE"],
    ["\n \n", "EMPTY_FILE"],
    ["PK\u0003\u0004rest", "WRONG_FORMAT"],
    ["a\u0000b", "NOT_UTF8"],
  ])("refuses the file %j as %s", async (text, rule) => {
    await expect(jsonl(text)).rejects.toMatchObject({ name: "DatasetFileError", rule });
  });

  it("refuses UTF-16", async () => {
    const bytes = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('{"a":1}\n', "utf16le")]);
    await expect(read({ format: "jsonl", bytes: chunks(bytes, 64) })).rejects.toMatchObject({
      rule: "NOT_UTF8",
    });
  });

  it("stops when the signal aborts", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(jsonl('{"a":1}\n', { signal })).rejects.toThrow("enough");
  });
});

describe("CSV", () => {
  it("reads quoted newlines, doubled quotes, CRLF and a byte order mark", async () => {
    const rows = await csv(
      '\ufeffinstruction,output\r\n"two\nlines, one field","say ""hi"""\r\nplain,text\r\n',
    );
    expect(rows).toMatchObject([
      { row: 1, line: 2, value: { instruction: "two\nlines, one field", output: 'say "hi"' } },
      { row: 2, line: 4, value: { instruction: "plain", output: "text" } },
    ]);
  });

  it.each([";", "\t"])("finds the delimiter %j from the header", async (delimiter) => {
    const rows = await csv(`a${delimiter}b\n1,5${delimiter}2\n`);
    expect(rows).toMatchObject([{ value: { a: "1,5", b: "2" } }]);
  });

  it("reports rows with too few or too many fields and rows in another encoding", async () => {
    const bytes = Buffer.concat([
      Buffer.from("a,b\n1\n1,2,3\n"),
      Buffer.from("é,2\n", "latin1"),
      Buffer.from("é,2\n"),
    ]);
    const rows = await read({ format: "csv", bytes: chunks(bytes, 3) });
    expect(rows.map((row) => ("error" in row ? row.error.rule : row.value))).toEqual([
      "WRONG_COLUMN_COUNT",
      "WRONG_COLUMN_COUNT",
      "MIXED_ENCODING",
      { a: "é", b: "2" },
    ]);
  });

  it.each([
    ["a,a\n1,2\n", "BAD_CSV_HEADER"],
    ["a,\n1,2\n", "BAD_CSV_HEADER"],
    ["a,b\n", "EMPTY_FILE"],
  ])("refuses %j as %s", async (text, rule) => {
    await expect(csv(text)).rejects.toMatchObject({ rule });
  });

  it("names the line where a quote is never closed", async () => {
    await expect(csv('a,b\n1,2\n3,"open\n5,6\n')).rejects.toMatchObject({ rule: "BAD_CSV", line: 3 });
    await expect(csv(`a,b\n1,2\n3,"${"x".repeat(300)}`, { maxRowBytes: 100 })).rejects.toMatchObject({
      rule: "BAD_CSV",
      line: 3,
    });
  });

  it("passes on a fault of the stream", async () => {
    const bytes = (async function* () {
      yield Buffer.from("a,b\n1,2\n");
      throw new Error("connection lost");
    })();
    await expect(read({ format: "csv", bytes })).rejects.toThrow("connection lost");
  });
});

describe("Parquet", () => {
  const columnData = [
    { name: "instruction", data: ["one", "two", "three"] },
    { name: "count", data: [1n, 2n ** 60n, 3n] },
  ];

  it("reads row group by row group and gives JSON values", async () => {
    const file = inMemory(parquetWriteBuffer({ columnData, rowGroupSize: 2 }));
    const rows = await read({ format: "parquet", file });
    expect(rows).toMatchObject([
      { row: 1, value: { instruction: "one", count: 1 } },
      { row: 2, value: { instruction: "two", count: String(2n ** 60n) } },
      { row: 3, value: { instruction: "three", count: 3 } },
    ]);
  });

  it("reads zstd columns", async () => {
    const compressors = { ZSTD: (bytes: Uint8Array) => zstdCompressSync(bytes) };
    const file = inMemory(parquetWriteBuffer({ columnData, codec: "ZSTD", compressors }));
    expect(await read({ format: "parquet", file })).toHaveLength(3);
  });

  it("refuses a cut file and a row group over the limit", async () => {
    const whole = parquetWriteBuffer({ columnData });
    await expect(
      read({ format: "parquet", file: inMemory(whole.slice(0, whole.byteLength - 20)) }),
    ).rejects.toMatchObject({ rule: "BAD_PARQUET" });
    await expect(
      read({ format: "parquet", file: inMemory(whole) }, { maxRowGroupBytes: 10 }),
    ).rejects.toMatchObject({ rule: "ROW_GROUP_TOO_LARGE" });
  });

  it("refuses a file whose pages are damaged", async () => {
    const damaged = parquetWriteBuffer({ columnData });
    new Uint8Array(damaged).fill(0xff, 4, 40);
    await expect(read({ format: "parquet", file: inMemory(damaged) })).rejects.toMatchObject({
      rule: "BAD_PARQUET",
    });
  });
});

function jsonl(text: string, options?: ReadOptions): Promise<ReadRow[]> {
  return read({ format: "jsonl", bytes: chunks(Buffer.from(text), 16) }, options);
}

function csv(text: string, options?: ReadOptions): Promise<ReadRow[]> {
  return read({ format: "csv", bytes: chunks(Buffer.from(text), 16) }, options);
}

async function read(source: RowSource, options?: ReadOptions): Promise<ReadRow[]> {
  const rows: ReadRow[] = [];
  for await (const row of readRows(source, options)) rows.push(row);
  return rows;
}

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length; start += size) yield bytes.subarray(start, start + size);
}

function inMemory(buffer: ArrayBuffer): RandomAccess {
  return { byteLength: buffer.byteLength, slice: async (start, end) => buffer.slice(start, end) };
}
