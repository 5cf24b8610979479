// Run by schema-commands.int.test.ts as a process of its own: a program with the subcommands.
import { runService } from "@gradients/runtime";
import { type Kysely, sql } from "kysely";
import { schemaCommands } from "../schema-commands.ts";

const up = async (kysely: Kysely<unknown>) => void (await sql`create table item (id int)`.execute(kysely));

await runService(
  () => {
    throw new Error("The service's whole configuration is not wanted here");
  },
  () => Promise.reject(new Error("The service is not wanted here")),
  schemaCommands({ service: "sample", schema: "sample", migrations: { "0001-item": { up } } }),
);
