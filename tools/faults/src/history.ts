import { appendFileSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";

export interface HistoryEntry {
  /** Who did it: a client, or the hand that makes faults. */
  readonly process: string;
  readonly op: string;
  /** `info`: whether it took effect is unknown. */
  readonly type: "invoke" | "ok" | "fail" | "info";
  /** Ties the entries of one operation together. */
  readonly key: string;
  readonly value?: unknown;
  /** Nanoseconds since some fixed moment, monotonic. */
  readonly time: string;
}

/** What clients did and saw and which faults were made, one JSON object a line, written at once: a crash of the writer loses nothing. */
export class History {
  readonly file: string;
  readonly entries: HistoryEntry[] = [];

  constructor(file: string) {
    this.file = file;
    mkdirSync(dirname(file), { recursive: true });
  }

  record(entry: Omit<HistoryEntry, "time">): void {
    const timed = { ...entry, time: process.hrtime.bigint().toString() };
    this.entries.push(timed);
    appendFileSync(this.file, `${JSON.stringify(timed)}\n`);
  }
}
