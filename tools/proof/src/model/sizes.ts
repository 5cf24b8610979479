import { consumers } from "./messages.ts";
import { type PlantedFault, type Size, sizeOf } from "./size.ts";

const prompt = { prompt: consumers };

/** Explored in whole by every test run. */
export const smallSizes: readonly Size[] = [
  sizeOf("no faults, events in any pace", {}, {}),
  sizeOf("a crash, events at once", prompt, { crashes: 1 }),
  sizeOf("a message twice and one late", { ...prompt, evaluations: "at once" }, { duplicates: 1, delays: 1 }),
  sizeOf("the customer cancels, a deadline comes", prompt, { cancels: 1, deadlines: 1 }),
  sizeOf("two jobs", { ...prompt, jobs: 2, evaluations: "at once" }, { crashes: 1 }),
];

/** Minutes and gigabytes: for a run of its own. */
export const largeSizes: readonly Size[] = [
  sizeOf(
    "a crash and a duplicate, events in any pace",
    { evaluations: "at once" },
    { crashes: 1, duplicates: 1 },
  ),
  sizeOf("two crashes and a duplicate", { ...prompt, evaluations: "at once" }, { crashes: 2, duplicates: 1 }),
  sizeOf(
    "two jobs, two crashes, a duplicate",
    { ...prompt, jobs: 2, evaluations: "at once" },
    { crashes: 2, duplicates: 1 },
  ),
  sizeOf("a failure, a cancel, a late message", prompt, { failures: 1, cancels: 1, delays: 1 }),
];

/** The smallest size in which each planted fault shows. */
export const plantedFaults: Readonly<Record<PlantedFault, Size>> = {
  "no fence": sizeOf("no fence", { ...prompt, evaluations: "at once" }, { crashes: 1 }),
  "no inbox": sizeOf("no inbox", { ...prompt, evaluations: "at once" }, { duplicates: 1 }),
  "ack before commit": sizeOf("ack before commit", { ...prompt, evaluations: "at once" }, { crashes: 1 }),
  "no outbox": sizeOf("no outbox", { ...prompt, evaluations: "at once" }, { crashes: 1 }),
  "publish before commit": sizeOf(
    "publish before commit",
    { ...prompt, evaluations: "at once" },
    { crashes: 1 },
  ),
  "no lease": sizeOf("no lease", { ...prompt, evaluations: "at once" }, { crashes: 1 }),
};
