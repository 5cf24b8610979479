import { createHash } from "node:crypto";
import type { PodSpec } from "./gpu-fleet.ts";

export function podName(attemptId: string, epoch: number): string {
  return `attempt-${attemptId}-e${epoch}`;
}

export function hashPodSpec(spec: Omit<PodSpec, "token" | "specHash">): string {
  const fields = [
    spec.name,
    spec.attemptId,
    spec.epoch,
    spec.hardwareClass,
    spec.relayTarget,
    spec.traceparent,
  ];
  return createHash("sha256").update(JSON.stringify(fields)).digest("hex");
}
