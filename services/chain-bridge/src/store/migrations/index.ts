import { busMigrations } from "@gradients/bus";
import type { Migration } from "kysely/migration";
import { chainBridge0001 } from "./0001-chain-bridge.ts";
import { chainBridge0002 } from "./0002-traces.ts";

export const migrations: Readonly<Record<string, Migration>> = {
  ...busMigrations,
  "0001-chain-bridge": chainBridge0001,
  "0002-traces": chainBridge0002,
};
