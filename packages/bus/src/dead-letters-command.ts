import { createDatabase, type DatabaseOptions } from "@gradients/db";
import { type Command, createLogger, type Logger } from "@gradients/runtime";
import { type BusOptions, connectBus } from "./connect-bus.ts";
import { listDeadLetters, replayDeadLetter } from "./dead-letters.ts";
import type { BusTables } from "./tables.ts";

export interface DeadLettersOptions {
  readonly database: DatabaseOptions;
  readonly bus: BusOptions;
}

/**
 * The subcommand `dead-letters list` and `dead-letters replay <id>... | --all` of a service's program:
 * `runService(loadConfig, createScorer, { "dead-letters": deadLettersCommand((config) => ({ database: config.db, bus: config.nats })) })`.
 */
export function deadLettersCommand<Config>(
  optionsOf: (config: Config) => DeadLettersOptions,
): Command<Config> {
  return {
    summary:
      "list | replay <id>... | replay --all: events that could not be handled, and another try for them",
    run: async (config, args) => {
      const [verb, ...ids] = args;
      const logger = createLogger({ service: "dead-letters", level: "warn" });
      if (verb === "list" && ids.length === 0) return list(optionsOf(config), logger);
      if (verb === "replay" && ids.length > 0) return replay(optionsOf(config), ids, logger);
      throw new Error(
        "Expected: dead-letters list | dead-letters replay <id>... | dead-letters replay --all",
      );
    },
  };
}

async function list({ database }: DeadLettersOptions, logger: Logger): Promise<void> {
  const db = createDatabase<BusTables>(database, logger);
  try {
    for (const { payload, headers: _headers, ...letter } of await listDeadLetters(db)) {
      process.stdout.write(
        `${JSON.stringify({ ...letter, payload: Buffer.from(payload).toString("base64") })}\n`,
      );
    }
  } finally {
    await db.close();
  }
}

async function replay(options: DeadLettersOptions, ids: readonly string[], logger: Logger): Promise<void> {
  const db = createDatabase<BusTables>(options.database, logger);
  const bus = await connectBus(options.bus, logger);
  try {
    const chosen = ids[0] === "--all" ? (await listDeadLetters(db)).map(({ id }) => id) : ids;
    for (const id of chosen)
      process.stdout.write(`${id} ${(await replayDeadLetter(db, bus, id)) ? "sent again" : "not found"}\n`);
  } finally {
    await bus.close();
    await db.close();
  }
}
