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
  /** Of each fault, before everything may end and is looked at. */
  readonly strikesPerRound: number;
  /** Mean pause between two strikes. */
  readonly meanGapMs: number;
  /** How long a strike takes with its pause and its part of the end of a round, as measured on two busy cores. */
  readonly secondsPerStrike: number;
  /** Under its faults all goes on: no attempt is begun anew but for a killed trainer. */
  readonly losesNothing?: boolean;
  /** What the system under it needs. */
  readonly system?: Pick<SystemOptions, "shiftableClocks" | "smallFleetDisk">;
}

const calm = { strikesPerRound: 5, meanGapMs: 3_000 } as const;

export const suites: readonly Suite[] = [
  {
    name: "kills",
    title: "kill -9 of every service and of trainers",
    faults: [...serviceFaults, killTrainer],
    times: 200,
    strikesPerRound: 20,
    meanGapMs: 1_200,
    secondsPerStrike: 2,
  },
  {
    name: "servers",
    title: "NATS and PostgreSQL crash",
    faults: serverFaults,
    times: 20,
    ...calm,
    secondsPerStrike: 10,
  },
  {
    name: "nats-gone",
    title: "NATS is gone for a minute",
    faults: [natsGone],
    times: 10,
    ...calm,
    secondsPerStrike: 75,
  },
  {
    name: "s3",
    title: "S3 answers errors, slowly, or half",
    faults: s3Faults,
    times: 20,
    ...calm,
    secondsPerStrike: 20,
  },
  {
    name: "events",
    title: "Every event comes again, late and out of order",
    faults: [eventsAgain],
    times: 20,
    ...calm,
    secondsPerStrike: 40,
  },
  {
    name: "paused",
    title: "A scheduler is paused past its leases while another one takes over",
    faults: [pausedScheduler],
    times: 20,
    ...calm,
    secondsPerStrike: 40,
  },
  {
    name: "clocks",
    title: "Clocks of services jump by five minutes",
    faults: clockFaults,
    times: 5,
    ...calm,
    meanGapMs: 1_000,
    secondsPerStrike: 10,
    losesNothing: true,
    system: { shiftableClocks: true },
  },
  {
    name: "disk-full",
    title: "The trainers' disk is full",
    faults: [diskFull],
    times: 20,
    ...calm,
    secondsPerStrike: 20,
    system: { smallFleetDisk: true },
  },
];
