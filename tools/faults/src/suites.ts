import {
  clockFaults,
  diskFull,
  eventsAgain,
  type Fault,
  killTrainer,
  natsGone,
  pausedScheduler,
  s3Faults,
  serverFaults,
  serviceFaults,
} from "./faults.ts";
import type { SystemOptions } from "./system.ts";

export interface Suite {
  readonly name: string;
  readonly title: string;
  readonly faults: readonly Fault[];
  /** How often each fault strikes when nothing else is asked for. */
  readonly times: number;
  /** What the system under it needs. */
  readonly system?: Pick<SystemOptions, "shiftableClocks" | "smallFleetDisk">;
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
  {
    name: "s3",
    title: "S3 answers errors, slowly, or half",
    faults: s3Faults,
    times: 20,
  },
  {
    name: "events",
    title: "Every event comes again, late and out of order",
    faults: [eventsAgain],
    times: 20,
  },
  {
    name: "paused",
    title: "A scheduler is paused past its leases while another one takes over",
    faults: [pausedScheduler],
    times: 20,
  },
  {
    name: "clocks",
    title: "Clocks of services jump by five minutes",
    faults: clockFaults,
    times: 5,
    system: { shiftableClocks: true },
  },
  {
    name: "disk-full",
    title: "The trainers' disk is full",
    faults: [diskFull],
    times: 20,
    system: { smallFleetDisk: true },
  },
];
