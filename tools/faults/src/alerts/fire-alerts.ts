import { setTimeout as sleep } from "node:timers/promises";
import { serviceNames } from "../system.ts";
import type { AlertFault } from "./alert-faults.ts";
import type { WatchedSystem } from "./watched-system.ts";

/** What became of one alert of a fault. */
export interface Firing {
  readonly alert: string;
  /** It was silent before the fault. */
  readonly wasSilent: boolean;
  /** From the fault to the alert, which here need not hold for a while; undefined when it did not fire in time. */
  readonly seconds: number | undefined;
}

/** Within which an alert must fire and, when something passing set it off, be silent again. */
export const FIRING_LIMIT_SECONDS = 60;
const LIMIT_MS = FIRING_LIMIT_SECONDS * 1_000;

export async function fireAlerts(watched: WatchedSystem, fault: AlertFault): Promise<readonly Firing[]> {
  const { prometheus } = watched;
  const silent = await Promise.all(fault.alerts.map((alert) => prometheus.until(alert, "silent", LIMIT_MS)));
  const since = performance.now();
  const mend = await fault.strike(watched);
  const firings = await Promise.all(
    fault.alerts.map(async (alert, place) => {
      const fired = await prometheus.until(alert, "firing", LIMIT_MS);
      const seconds = fired ? (performance.now() - since) / 1_000 : undefined;
      return { alert, wasSilent: silent[place] ?? false, seconds };
    }),
  );
  await mend();
  return firings;
}

/** True when every service answers and nothing fires. */
export async function isCalm({ prometheus }: WatchedSystem): Promise<boolean> {
  const deadline = Date.now() + LIMIT_MS;
  while (Date.now() < deadline) {
    const [up, firing] = await Promise.all([prometheus.query("up == 1"), prometheus.firing()]);
    if (up.length === serviceNames.length && firing.length === 0) return true;
    await sleep(250);
  }
  return false;
}
