import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";

/** A process id can be used again; together with its start time (in ticks since boot) and the boot it cannot. */
export interface ProcessRecord {
  readonly pid: number;
  readonly started: string;
  readonly boot: string;
}

export async function readRecord(file: string): Promise<ProcessRecord | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  return text === undefined ? undefined : (JSON.parse(text) as ProcessRecord);
}

/** `proc`: where the process table that the record speaks of is mounted. */
export function isAlive(record: ProcessRecord | undefined, proc = "/proc"): record is ProcessRecord {
  if (record === undefined || record.boot !== bootId()) return false;
  try {
    const stat = readFileSync(`${proc}/${record.pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(") ") + 2).split(" ");
    return fields[0] !== "Z" && fields[19] === record.started;
  } catch {
    return false;
  }
}

const bootId = () => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();

/**
 * A program for `sh -c`: notes its own id in the file named by its first argument, then becomes the program named by the others.
 * The record is there before the program is: a caller that dies in between leaves nothing unknown.
 */
export const recordAndBecome = `
set -e
file=$1
shift
read -r stat < /proc/$$/stat
read -r boot < /proc/sys/kernel/random/boot_id
started=$(printf '%s' "\${stat##*) }" | cut -d' ' -f20)
printf '{"pid":%s,"started":"%s","boot":"%s"}\\n' "$$" "$started" "$boot" > "$file.new"
mv "$file.new" "$file"
exec "$@"
`;
