import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { killPods } from "../pods.ts";
import { withClient } from "../with-client.ts";
import { publishUnreadable } from "./publish-unreadable.ts";
import { takeAwayObject } from "./take-away-object.ts";
import type { WatchedSystem } from "./watched-system.ts";

/** Something that goes wrong on real parts, and the alerts that must tell of it. */
export interface AlertFault {
  readonly name: string;
  readonly alerts: readonly string[];
  /** Resolves when it has struck. The result mends it. */
  strike(watched: WatchedSystem): Promise<() => Promise<unknown>>;
}

/** Each of them once, in this order: no alert fires before its own fault. Where a rule asks for age, rows are aged instead of waited for. */
export const alertFaults: readonly AlertFault[] = [
  {
    name: "a file of the base model is gone",
    alerts: ["DatasetChecksFailing"],
    strike: async ({ system, customer, sql }) => {
      const putBack = await takeAwayObject(system.servers.s3, "tokenizer.json");
      const prepared = customer.prepare();
      prepared.catch(() => {}); // seen when it is mended
      return async () => {
        await putBack();
        await sql("update gateway.dataset_check set due_at = now()");
        await prepared;
      };
    },
  },
  {
    name: "a session holds a lock on the data sets",
    alerts: [
      "JobAcceptanceBurnsFast",
      "JobAcceptanceBurnsSlowly",
      "JobAcceptanceSlow",
      "DatabasePoolExhausted",
    ],
    strike: async ({ system, customer }) => {
      const over = new AbortController();
      const lock = withClient(system.servers.postgres.url, async (client) => {
        await client.query("begin; lock table gateway.dataset in access exclusive mode");
        await once(over.signal, "abort");
      });
      const load = askForQuotes(customer, over.signal);
      return async () => {
        over.abort();
        await Promise.all([lock, load]);
      };
    },
  },
  {
    name: "every pod dies at once",
    alerts: ["AttemptsFailing", "JobsFailing"],
    strike: async ({ customer }) => {
      for (let order = 0; order < 3; order++) await customer.order({ contestants: 1 });
      return () => customer.allEnded();
    },
  },
  {
    name: "a row is changed by hand",
    alerts: ["InvariantViolated"],
    strike: async ({ sql }) => {
      await sql("update gateway.job set event_offset = event_offset + 1");
      return () => sql("update gateway.job set event_offset = event_offset - 1");
    },
  },
  {
    name: "every machine is taken for hours",
    alerts: ["AttemptsWaiting"],
    strike: async ({ system, customer, podsDo, sql }) => {
      await podsDo("hang");
      await customer.order({ contestants: 3 });
      await untilRows(() => sql("select from scheduler.attempt where state = 'placing'"), 3);
      await customer.order({ contestants: 2 });
      const older = "set created_at = created_at - interval '2 hours' where state = 'queued'";
      await untilRows(() => sql(`update scheduler.attempt ${older}`), 2);
      return async () => {
        await podsDo("die");
        await killPods(system.fleetDir);
      };
    },
  },
  {
    name: "the scheduler is killed",
    alerts: ["ServiceDown"],
    strike: async ({ system: { services } }) => {
      await services.scheduler.kill();
      return () => services.scheduler.start();
    },
  },
  {
    name: "the subnet asks for a newer version of weights",
    alerts: ["WeightsBlocked"],
    strike: async ({ system, sql }) => {
      await untilRows(() => sql("select from chain_bridge.weight_submission where state = 'finalized'"), 1);
      const { control, netuid } = system.servers.chain;
      const askFor = async (version: number) =>
        control.setStorage("SubtensorModule.WeightsVersionKey", [netuid], version);
      await askFor(99_000);
      return () => askFor(0);
    },
  },
  {
    name: "the chain finalizes nothing for hours",
    alerts: ["ChainStuck", "WeightsStale", "WeightsNearInactivity"],
    strike: async ({ system: { servers }, sql }) => {
      servers.chain.control.stallFinality();
      await sleep(1_000); // what was final already is booked
      const older = "set updated_at = updated_at - interval '14 hours'";
      await sql(`update chain_bridge.weight_submission ${older} where state = 'finalized'`);
      await sql(`update chain_bridge.chain_cursor ${older}`);
      return async () => servers.chain.control.resumeFinality();
    },
  },
  {
    name: "an event that nobody can read",
    alerts: ["DeadLetters"],
    strike: async ({ system: { servers } }) => {
      await publishUnreadable(servers.nats.url, 1);
      return async () => {};
    },
  },
  {
    name: "the scorer gets too little processor time",
    alerts: ["EventLoopBlocked"],
    strike: async ({ system: { services } }) => {
      const over = new AbortController();
      const starved = starve(services.scorer, over.signal);
      return () => {
        over.abort();
        return starved;
      };
    },
  },
  {
    name: "NATS is killed, and the scorer restarted",
    alerts: ["BusDisconnected", "OutboxBacklog", "ServiceNotReady"],
    strike: async ({ system: { control, services }, customer, sql }) => {
      await control.killNats();
      await services.scorer.kill();
      const restarted = services.scorer.start();
      restarted.catch(() => {}); // seen when it is mended
      await customer.order();
      await sql(
        "update gateway.outbox set created_at = now() - interval '2 minutes' where published_at is null",
      );
      return async () => {
        await control.startNats();
        await restarted;
      };
    },
  },
  {
    name: "PostgreSQL is stopped while events come in",
    alerts: ["ConsumerStalled", "ConsumerLag"],
    strike: async ({ system: { control, servers } }) => {
      await control.stopPostgres();
      await publishUnreadable(servers.nats.url, 2_000);
      return () => control.startPostgres();
    },
  },
];

const PATIENCE_MS = 90_000;

async function untilRows(count: () => Promise<number>, least: number): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while ((await count()) < least) {
    if (Date.now() > deadline) throw new Error(`There are not ${least} rows after ${PATIENCE_MS} ms`);
    await sleep(100);
  }
}

/** More at a time than the gateway has connections. */
async function askForQuotes(customer: WatchedSystem["customer"], over: AbortSignal): Promise<void> {
  while (!over.aborted) await Promise.allSettled(Array.from({ length: 16 }, () => customer.quote()));
}

/** In strokes, so that its turns are long and it still answers. */
async function starve(
  service: { signal(signal: "SIGSTOP" | "SIGCONT"): Promise<void> },
  over: AbortSignal,
): Promise<void> {
  while (!over.aborted) {
    await service.signal("SIGSTOP");
    await sleep(400);
    await service.signal("SIGCONT");
    await sleep(100);
  }
}
