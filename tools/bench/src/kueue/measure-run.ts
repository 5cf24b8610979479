import type { ControlPlane } from "@gradients/cluster";
import type { KubeClient } from "@gradients/kube";
import { cpuSecondsOf } from "../processes.ts";
import { type AuditQuestion, readAudit } from "./audit.ts";
import { type Conditions, countObjects, hasCondition } from "./count-objects.ts";
import type { Outcome } from "./outcome.ts";

/** Where a contender's runs lie, and how one is told from others. */
export interface Ground {
  readonly plane: ControlPlane;
  readonly client: KubeClient;
  readonly question: AuditQuestion;
  /** Of the runs. */
  readonly path: string;
  /** What a run says of itself when it has ended. */
  readonly endCondition: string;
}

type Told = Pick<Outcome, "classes" | "cpuSeconds" | "peakRssBytes">;

interface Run {
  readonly status?: { readonly conditions?: Conditions };
}

/** Has a contender take the whole load, and adds to what it tells what the API server saw of it. */
export async function measureRun(
  { plane, client, question, path, endCondition }: Ground,
  takeLoad: () => Promise<Told>,
): Promise<Outcome> {
  const cpuBefore = cpuSecondsOf("kube-apiserver");
  const told = await takeLoad();
  const apiServerCpuSeconds = cpuSecondsOf("kube-apiserver") - cpuBefore;
  const counted = await countObjects<Run>(client, path, ({ status }) =>
    hasCondition(status?.conditions, endCondition),
  );
  return { ...told, ...counted, ...(await readAudit(plane.auditLog, question)), apiServerCpuSeconds };
}
