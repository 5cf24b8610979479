// Run by dead-letters-command.int.test.ts as a process of its own: a program with the subcommand.
import { type ConfigSource, loadConfig, runService } from "@gradients/runtime";
import { z } from "zod";
import { deadLettersCommand } from "../dead-letters-command.ts";

const schema = z.object({ databaseUrl: z.string(), nats: z.string(), schema: z.string() });
const load = (source: ConfigSource) => loadConfig({ service: "sample", schema, ...source });

await runService(load, () => Promise.reject(new Error("The service is not wanted here")), {
  "dead-letters": deadLettersCommand((config) => ({
    database: { url: config.databaseUrl, schema: config.schema, applicationName: "sample", poolSize: 1 },
    bus: { servers: [config.nats], name: "sample" },
  })),
});
