import { busMigrations } from "@gradients/bus";
import type { Migration } from "kysely/migration";
import { attempts } from "./0001-attempts.ts";
import { losses } from "./0002-losses.ts";
import { tokens } from "./0003-tokens.ts";
import { noPriority } from "./0004-no-priority.ts";
import { openJobs } from "./0005-open-jobs.ts";
import { notedUploads } from "./0006-noted-uploads.ts";
import { accountsAndLeaders } from "./0007-accounts-and-leaders.ts";
import { lostEpochs } from "./0008-lost-epochs.ts";

export const migrations: Readonly<Record<string, Migration>> = {
  ...busMigrations,
  "0001-attempts": attempts,
  "0002-losses": losses,
  "0003-tokens": tokens,
  "0004-no-priority": noPriority,
  "0005-open-jobs": openJobs,
  "0006-noted-uploads": notedUploads,
  "0007-accounts-and-leaders": accountsAndLeaders,
  "0008-lost-epochs": lostEpochs,
};
