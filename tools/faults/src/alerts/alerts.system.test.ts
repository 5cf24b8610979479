import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { alertFaults } from "./alert-faults.ts";
import { fireAlerts, isCalm } from "./fire-alerts.ts";
import { noPrometheus } from "./prometheus.ts";
import { startWatchedSystem, type WatchedSystem } from "./watched-system.ts";

describe.skipIf(noPrometheus())("each alert fires on a real fault, as a real Prometheus sees it", () => {
  let watched: WatchedSystem;

  beforeAll(async () => {
    watched = await startWatchedSystem();
  });

  afterAll(() => watched?.[Symbol.asyncDispose]());

  test("nothing fires while all is well", async () => {
    expect(await isCalm(watched)).toBe(true);
  });

  test.each(alertFaults)("$name: $alerts", async (fault) => {
    const firings = await fireAlerts(watched, fault);
    const times = firings.map(({ alert, seconds }) => `${alert} after ${seconds?.toFixed(1)} s`);
    process.stdout.write(`${fault.name}: ${times.join(", ")}\n`);
    expect(firings.filter(({ seconds }) => seconds === undefined)).toEqual([]);
    const loud = firings.filter(({ wasSilent, alert }) => !wasSilent && !ofSlowMachines.includes(alert));
    expect(loud).toEqual([]);
  });
});

/** A machine with too much to do sets them off by itself. */
const ofSlowMachines = ["JobAcceptanceSlow", "EventLoopBlocked"];
