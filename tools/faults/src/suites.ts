import { type Fault, killTrainer, natsGone, serverFaults, serviceFaults } from "./faults.ts";

export interface Suite {
  readonly name: string;
  readonly title: string;
  readonly faults: readonly Fault[];
  /** How often each fault strikes when nothing else is asked for. */
  readonly times: number;
}

export const suites: readonly Suite[] = [
  {
    name: "kills",
    title: "kill -9 of every service and of trainers",
    faults: [...serviceFaults, killTrainer],
    times: 200,
  },
  { name: "servers", title: "NATS and PostgreSQL crash", faults: serverFaults, times: 20 },
  { name: "nats-gone", title: "NATS is gone for a minute", faults: [natsGone], times: 20 },
];
