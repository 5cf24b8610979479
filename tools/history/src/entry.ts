/** One line of a history: what a client asked for or was answered. Other `op`s than those that the checker knows are passed over. */
export interface Entry {
  readonly process: string;
  readonly op: string;
  /** `info`: whether it took effect is unknown. */
  readonly type: "invoke" | "ok" | "fail" | "info";
  /** The request id of a creation, otherwise the job's name. */
  readonly key: string;
  readonly value?: unknown;
  /** Nanoseconds, monotonic over the whole file. */
  readonly time: string;
}

/** Reads NDJSON. A last line that its writer did not finish is left out; any other broken line is an error. */
export function readHistory(text: string): readonly Entry[] {
  const lines = text.split("\n");
  const whole = lines.filter((line, index) => line !== "" && (index < lines.length - 1 || isWhole(line)));
  return whole.map(readEntry);
}

function readEntry(line: string, index: number): Entry {
  const entry: unknown = isWhole(line) ? JSON.parse(line) : undefined;
  if (!isEntry(entry)) throw new Error(`Line ${index + 1} is no entry of a history: ${line.slice(0, 200)}`);
  return entry;
}

function isWhole(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== "object" || value === null) return false;
  const { process, op, type, key, time } = value as Record<string, unknown>;
  const isText = [process, op, key].every((field) => typeof field === "string");
  return isText && /^(invoke|ok|fail|info)$/.test(String(type)) && /^\d+$/.test(String(time));
}
