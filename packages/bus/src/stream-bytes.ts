import { z } from "zod";

const MIB = 2 ** 20;

/** Byte limits of the streams as a service's configuration has them, under `nats.maxBytes`. Every service must have the same: the last to start sets them. */
export const streamBytes = z
  .object({
    EVENTS: z
      .int()
      .min(MIB)
      .default(128 * MIB)
      .describe(
        "Bytes on disk of the events of 7 days; when they are used up, events wait in the outboxes. The same in every service. In production about 1 KiB for each event of a week: 10737418240 (10 GiB) lasts for 17 events a second.",
      ),
    PROGRESS: z
      .int()
      .min(MIB)
      .default(96 * MIB)
      .describe(
        "Bytes on disk of the live figures of 24 hours; when they are used up, the oldest go. The same in every service. In production about 20 MiB for each attempt that runs all day: 2147483648 (2 GiB) for 100.",
      ),
  })
  .prefault({});
