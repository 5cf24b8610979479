// A fleet that follows a namespace, to see what its view costs. Run by memory.ts as a process of its own.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { systemClock } from "@gradients/kernel";
import { RateLimiter } from "@gradients/kube";
import { createLogger } from "@gradients/runtime";
import { KubernetesFleet } from "@gradients/scheduler/fleet/kubernetes/kubernetes-fleet";
import { serve } from "../child.ts";
import { clientFor } from "./plane.ts";
import { settings } from "./trainers.ts";

const [kubeconfig = ""] = process.argv.slice(2);
setFlagsFromString("--expose-gc");
setFlagsFromString("--no-flush-bytecode"); // code that is dropped for want of use would count against what is kept
const collect = runInNewContext("gc") as () => void;
const logger = createLogger({ service: "bench", level: "silent" });
const fleets: KubernetesFleet[] = [];

serve({
  heapBytes: async () => {
    collect();
    collect();
    return process.memoryUsage().heapUsed;
  },
  /** Milliseconds until everything there is known, and how much that is. */
  follow: async (namespace: string) => {
    const limiter = new RateLimiter({ perSecond: 500, burst: 500 });
    const fleet = new KubernetesFleet(settings, {
      client: clientFor(kubeconfig, namespace),
      view: { limiter, logger, times: {} },
      logger,
      clock: systemClock,
    });
    fleets.push(fleet);
    const startedAt = performance.now();
    await fleet.open();
    const pods = await fleet.list(new AbortController().signal);
    const milliseconds = performance.now() - startedAt;
    return { milliseconds, running: pods.filter(({ phase }) => phase.kind === "running").length };
  },
  peakRssBytes: async () => process.resourceUsage().maxRSS * 1024,
});
