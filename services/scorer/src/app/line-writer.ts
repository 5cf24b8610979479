import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";

export interface LineWriter {
  /** Waits while the disk is behind. */
  write(text: string): Promise<void>;
  close(): Promise<void>;
}

/** A text file written piece by piece, in blocks. */
export function openLines(path: string): LineWriter {
  const stream = createWriteStream(path);
  const done = finished(stream);
  done.catch(() => {}); // seen by whoever writes or closes
  let block: string[] = [];
  let size = 0;
  const flush = async () => {
    const text = block.join("");
    block = [];
    size = 0;
    if (!stream.write(text)) await Promise.race([once(stream, "drain"), done]);
  };
  return {
    write: async (text) => {
      block.push(text);
      size += text.length;
      if (size >= BLOCK_CHARACTERS) await flush();
    },
    close: async () => {
      await flush();
      stream.end();
      await done;
    },
  };
}

const BLOCK_CHARACTERS = 64 * 1024;
