// Run by dead-letters-command.int.test.ts as a process of its own: a program with the subcommand.
import { runService } from "@gradients/runtime";
import { deadLettersCommand } from "../dead-letters-command.ts";
import { SCHEMA } from "./bus-world.ts";

const databaseUrl = process.env["SAMPLE_DATABASE_URL"] ?? "";
const natsUrl = process.env["SAMPLE_NATS"] ?? "";

await runService(
  () => ({ url: databaseUrl, schema: SCHEMA, applicationName: "sample", poolSize: 1 }),
  () => Promise.reject(new Error("The service is not wanted here")),
  {
    "dead-letters": deadLettersCommand((database) => ({
      database,
      bus: { servers: [natsUrl], name: "sample" },
    })),
  },
);
