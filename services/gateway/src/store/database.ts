import type { Database, Tx } from "@gradients/db";
import type { Kysely } from "kysely";
import type { GatewayTables } from "./schema.ts";

export type GatewayDatabase = Database<GatewayTables>;
export type GatewayTx = Tx<GatewayTables>;
/** A transaction or the pool: for reads that need no lock. */
export type GatewayQuery = Kysely<GatewayTables>;
