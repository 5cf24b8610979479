import type { AdmissionRules } from "../../../../services/scheduler/src/domain/admission-rules.ts";

/** All jobs are of one account: then the oldest goes first. */
export const oneAccount: AdmissionRules = {
  accounts: {},
  common: { priority: 0, weight: 1, maxSlots: null },
  patienceSeconds: 3_600,
  pools: {},
};
