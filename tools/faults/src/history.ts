import { appendFileSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Entry } from "@gradients/history/entry";

/** What clients did and saw and which faults were made, one JSON object a line, written at once: a crash of the writer loses nothing. */
export class History {
  readonly file: string;
  readonly entries: Entry[] = [];

  constructor(file: string) {
    this.file = file;
    mkdirSync(dirname(file), { recursive: true });
  }

  record(entry: Omit<Entry, "time">): void {
    const timed = { ...entry, time: process.hrtime.bigint().toString() };
    this.entries.push(timed);
    appendFileSync(this.file, `${JSON.stringify(timed)}\n`);
  }
}
