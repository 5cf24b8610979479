import type { Tx } from "@gradients/db";
import { sql } from "kysely";
import type { Tables } from "./schema.ts";

/** At commit, has the control loop look again, in whichever replica it runs. */
export async function wakeControlLoop(tx: Tx<Tables>): Promise<void> {
  await sql`select pg_notify(current_schema() || '_control', '')`.execute(tx);
}

/** The channel that wakeControlLoop notifies. */
export function controlChannel(schema: string): string {
  return `${schema}_control`;
}
