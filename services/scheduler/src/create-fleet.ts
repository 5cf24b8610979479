import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { Database } from "@gradients/db";
import { systemClock } from "@gradients/kernel";
import { connectionFrom, KubeClient, KubeTransport, LeaseElector, RateLimiter } from "@gradients/kube";
import type { Logger } from "@gradients/runtime";
import { Backpressure } from "./app/backpressure.ts";
import { byAdvisoryLock, byLease, type Leadership } from "./app/leadership.ts";
import type { SchedulerConfig } from "./config.ts";
import type { GpuFleet } from "./fleet/gpu-fleet.ts";
import { KubernetesFleet } from "./fleet/kubernetes/kubernetes-fleet.ts";
import { LEASE } from "./fleet/kubernetes/names.ts";
import { LocalFleet } from "./fleet/local-fleet.ts";
import type { Tables } from "./store/schema.ts";

interface FleetParts {
  readonly fleet: GpuFleet;
  readonly leadership: Leadership;
  readonly backpressure: Backpressure;
}

type Fleet = SchedulerConfig["fleet"];

/** Of its own, so that a renewal never waits behind other calls. */
const LEASE_CALLS = { perSecond: 10, burst: 10 };

/** Where pods run, and how the one replica that may start them is found. */
export function createFleet(config: SchedulerConfig, db: Database<Tables>, logger: Logger): FleetParts {
  const { fleet, attempts } = config;
  const own = logger.child({ part: "fleet" });
  if (fleet.kind === "local")
    return {
      fleet: createLocal(fleet, attempts.stopGraceSeconds, own),
      leadership: byAdvisoryLock(db),
      backpressure: new Backpressure(Number.POSITIVE_INFINITY), // a process starts at once
    };
  return createKubernetes(fleet, attempts.stopGraceSeconds, db, own);
}

function createLocal(
  { node, agent, podEnvironment: env, ...rest }: Extract<Fleet, { kind: "local" }>,
  stopGraceSeconds: number,
  logger: Logger,
): GpuFleet {
  const telemetry = import.meta.resolve("@gradients/runtime/telemetry");
  const settings = { ...rest, env, stopGraceSeconds, command: [node, "--import", telemetry, agent] as const };
  return new LocalFleet(settings, { logger, clock: systemClock });
}

function createKubernetes(
  { kubernetes, podEnvironment }: Extract<Fleet, { kind: "kubernetes" }>,
  stopGraceSeconds: number,
  db: Database<Tables>,
  logger: Logger,
): FleetParts {
  const { namespace, callsPerSecond: perSecond, callBurst: burst, auditSeconds } = kubernetes;
  const transport = new KubeTransport(connectionFrom(kubernetes.kubeconfig), {
    userAgent: "gradients-scheduler",
  });
  const elector = new LeaseElector({
    client: new KubeClient(transport, namespace, new RateLimiter(LEASE_CALLS)),
    name: LEASE,
    identity: `${hostname()}-${randomBytes(4).toString("hex")}`,
    logger,
  });
  const limiter = new RateLimiter({ perSecond, burst });
  const client = new KubeClient(transport, namespace, limiter, () => {
    if (!elector.isLeading) throw new Error("This replica does not lead any more");
  });
  const view = { limiter, logger, times: { auditMs: auditSeconds * 1000 } };
  const fleet = new KubernetesFleet(
    { kubernetes, podEnvironment, stopGraceSeconds },
    { client, view, logger, clock: systemClock },
  );
  const backpressure = new Backpressure(kubernetes.maxPendingPods);
  return { fleet, leadership: byLease(db, elector), backpressure };
}
