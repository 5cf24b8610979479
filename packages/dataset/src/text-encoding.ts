import { DatasetFileError, type RowError } from "./row.ts";

const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text of UTF-8 bytes, or undefined when they are something else. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined; // the only thing a fatal decoder throws for
  }
}

export const mixedEncoding: RowError = {
  rule: "MIXED_ENCODING",
  message:
    "The row is not valid UTF-8, so it was written in another encoding (often Windows-1252 or Latin-1).",
  fix: "Save the whole file as UTF-8.",
};

/** The stream with its start checked and its byte order mark removed. */
export async function* afterStartCheck(
  bytes: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let head: Uint8Array | undefined = new Uint8Array();
  for await (const chunk of bytes) {
    if (!head) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (head.length < 4) continue;
    yield checkTextStart(head);
    head = undefined;
  }
  if (head && head.length > 0) yield checkTextStart(head);
}

/** Bytes without a UTF-8 byte order mark. Throws for files that are plainly no UTF-8 text: UTF-16, archives, Parquet under a wrong name. */
function checkTextStart(head: Uint8Array): Uint8Array {
  for (const { magic, rule, found, fix } of foreignStarts) {
    if (magic.every((byte, index) => head[index] === byte))
      throw new DatasetFileError(rule, `The file is ${found}.`, fix, { line: 1 });
  }
  if (head.subarray(0, 1024).includes(0)) {
    throw new DatasetFileError(
      "NOT_UTF8",
      "The file holds zero bytes, so it is no UTF-8 text.",
      "Upload JSONL or CSV text in UTF-8, or a Parquet file.",
      { line: 1 },
    );
  }
  const hasMark = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf;
  return hasMark ? head.subarray(3) : head;
}

const foreignStarts = [
  { magic: [0xff, 0xfe], rule: "NOT_UTF8", found: "UTF-16 text", fix: "Save it as UTF-8." },
  { magic: [0xfe, 0xff], rule: "NOT_UTF8", found: "UTF-16 text", fix: "Save it as UTF-8." },
  {
    magic: [0x1f, 0x8b],
    rule: "WRONG_FORMAT",
    found: "gzip-compressed",
    fix: "Unpack it and upload the file inside.",
  },
  {
    magic: [0x28, 0xb5, 0x2f, 0xfd],
    rule: "WRONG_FORMAT",
    found: "zstd-compressed",
    fix: "Unpack it and upload the file inside.",
  },
  {
    magic: [0x50, 0x4b, 0x03, 0x04],
    rule: "WRONG_FORMAT",
    found: "a zip archive or an Excel workbook",
    fix: "Upload the file inside, or export the sheet as CSV in UTF-8.",
  },
  {
    magic: [0x50, 0x41, 0x52, 0x31],
    rule: "WRONG_FORMAT",
    found: "Parquet, but was uploaded as text",
    fix: "Give it the ending .parquet.",
  },
] as const;
