import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { RandomAccess } from "./parquet.ts";
import type { DatasetFormat, RowSource } from "./read-rows.ts";

export interface LocalFile extends AsyncDisposable {
  readonly source: RowSource;
}

/** A data set on the local disk. Dispose of it when the rows are read. */
export async function openLocalFile(path: string, format: DatasetFormat): Promise<LocalFile> {
  if (format !== "parquet") {
    const stream = createReadStream(path, { highWaterMark: 256 * 1024 });
    return {
      source: { format, bytes: stream },
      [Symbol.asyncDispose]: async () => void stream.destroy(),
    };
  }
  const handle = await open(path, "r");
  const { size } = await handle.stat();
  const file: RandomAccess = {
    byteLength: size,
    slice: async (start, end = size) => {
      const buffer = new ArrayBuffer(Math.max(0, Math.min(end, size) - start));
      await handle.read(new Uint8Array(buffer), 0, buffer.byteLength, start);
      return buffer;
    },
  };
  return { source: { format, file }, [Symbol.asyncDispose]: () => handle.close() };
}
