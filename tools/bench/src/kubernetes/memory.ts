import type { ControlPlane } from "@gradients/cluster";
import type { Figure, RunOptions } from "../benchmark.ts";
import { startChild } from "../child.ts";
import { memorySettings } from "./memory-settings.ts";

const PER = 10_000;

interface Followed {
  readonly milliseconds: number;
  readonly running: number;
}

/** What a fleet keeps of the pods that it follows, each with its Job. */
export async function measureMemory(
  plane: ControlPlane,
  namespace: string,
  count: number,
  { say }: RunOptions,
): Promise<readonly Figure[]> {
  const program = new URL("./fleet-program.ts", import.meta.url);
  await using child = await startChild(program, { args: [plane.kubeconfig], env: memorySettings });
  const heapBytes = () => child.ask<number>("heapBytes");
  await child.ask("follow", "default"); // its code and its connections are there
  const first = await heapBytes();
  await child.ask("follow", "kube-node-lease"); // as empty as the other
  const before = await heapBytes();
  const empty = before - first;
  const { milliseconds, running } = await child.ask<Followed>("follow", namespace);
  if (running !== count) throw new Error(`The fleet sees ${running} running pods of ${count}`);
  const heap = (((await heapBytes()) - before - empty) / count) * PER;
  say(`  heap: ${(heap / 1e6).toFixed(1)} MB per 10,000 pods`);
  const peak = await child.ask<number>("peakRssBytes");
  return [
    {
      what: "heap per 10,000 pods, each with its Job",
      value: heap / 1e6,
      unit: "MB",
      target: { atMost: 8 },
    },
    { what: "heap of a fleet that follows none", value: empty / 1e6, unit: "MB" },
    { what: "first list of all of them", value: milliseconds / 1000, unit: "s" },
    {
      what: "peak resident memory of that process",
      value: peak / 2 ** 20,
      unit: "MiB",
      target: { atMost: 200 },
    },
  ];
}
