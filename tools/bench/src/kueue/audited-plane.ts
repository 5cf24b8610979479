import type { ControlPlane } from "@gradients/cluster";
import { bareControlPlane } from "../kubernetes/plane.ts";

/** After that, what has not ended is lost. */
export const TIMEOUT_MS = 45 * 60_000;

/** Its audit log holds all calls, in one file. */
export const auditedControlPlane = (): Promise<ControlPlane> =>
  bareControlPlane({ apiServerArgs: ["--audit-log-maxsize=16000"] });
