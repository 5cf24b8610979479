import { JobAcceptedSchema, JobCancelledSchema } from "@gradients/contracts/event";

/** What the gateway emits, and nobody else does. */
export const published = [JobAcceptedSchema, JobCancelledSchema];
