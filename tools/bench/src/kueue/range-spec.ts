import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";

/** What Kueue's own check demands of the full load on its machine (6 cores): mean time to admission by class. */
export async function readBounds(source: string): Promise<Readonly<Record<string, number>>> {
  const file = join(source, "test/performance/scheduler/configs/baseline/rangespec.yaml");
  const text = (await readFile(file, "utf8")).replaceAll(/(?<=\d)_(?=\d)/g, "");
  const { wlClassesMaxAvgTimeToAdmissionMs } = parse(text) as {
    readonly wlClassesMaxAvgTimeToAdmissionMs: Readonly<Record<string, number>>;
  };
  return wlClassesMaxAvgTimeToAdmissionMs;
}
