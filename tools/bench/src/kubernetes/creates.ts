import type { ControlPlane } from "@gradients/cluster";
import type { Figure, RunOptions } from "../benchmark.ts";
import { startChild } from "../child.ts";
import { median } from "../statistics.ts";
import { makeNamespace } from "./plane.ts";

const NAMESPACE = "creates";
const WIDTH = 32;

interface Creates {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** Jobs of the product made through our client and through the stock one, in turns, from one process. */
export async function measureCreates(
  plane: ControlPlane,
  { isQuick, share = 1, say, profileDir }: RunOptions,
): Promise<readonly Figure[]> {
  const client = await makeNamespace(plane.kubeconfig, NAMESPACE);
  await client.transport.close();
  const program = new URL("./create-program.ts", import.meta.url);
  await using child = await startChild(program, { args: [plane.kubeconfig, NAMESPACE], profileDir });
  const count = isQuick ? 200 : Math.round(1_000 * share);
  const create = (who: "ours" | "stock", prefix: string, size = count) =>
    child.ask<Creates>("create", who, prefix, size, WIDTH);
  for (const who of ["ours", "stock"] as const) await create(who, `warm-${who}`, 100);
  const found = { ours: [] as Creates[], stock: [] as Creates[] };
  for (let round = 0; round < (isQuick ? 1 : 3); round += 1) {
    const order = round % 2 === 0 ? (["ours", "stock"] as const) : (["stock", "ours"] as const);
    for (const who of order) found[who].push(await create(who, `${who}-${round}`));
  }
  const rate = (all: readonly Creates[]) => count / median(all.map(({ seconds }) => seconds));
  const cpu = (all: readonly Creates[]) => (median(all.map(({ cpuSeconds }) => cpuSeconds)) / count) * 1000;
  say(`  creates: ${Math.round(rate(found.ours))}/s, stock client ${Math.round(rate(found.stock))}/s`);
  const beside = (value: number) => ({ what: "stock @kubernetes/client-node", value });
  return [
    {
      what: `Jobs created, ${WIDTH} at a time`,
      value: rate(found.ours),
      unit: "creates/s",
      beside: beside(rate(found.stock)),
      target: { atLeast: 200 },
    },
    {
      what: "CPU of the client",
      value: cpu(found.ours),
      unit: "ms/create",
      beside: beside(cpu(found.stock)),
    },
  ];
}
