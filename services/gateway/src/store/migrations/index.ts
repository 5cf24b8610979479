import { busMigrations } from "@gradients/bus";
import type { Migration } from "kysely/migration";
import { tables } from "./0001-tables.ts";
import { paymentsTold } from "./0002-payments-told.ts";
import { droppedRows } from "./0003-dropped-rows.ts";
import { paymentsByChain } from "./0003-payments-by-chain.ts";
import { openJobs } from "./0004-open-jobs.ts";
import { waitingAttempts } from "./0005-waiting-attempts.ts";

export const migrations: Readonly<Record<string, Migration>> = {
  ...busMigrations,
  "0001-tables": tables,
  "0002-payments-told": paymentsTold,
  "0003-dropped-rows": droppedRows,
  "0003-payments-by-chain": paymentsByChain,
  "0004-open-jobs": openJobs,
  "0005-waiting-attempts": waitingAttempts,
};
