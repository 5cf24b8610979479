import { toJson } from "@bufbuild/protobuf";
import { decodeEvent, eventByType } from "@gradients/contracts/catalogue";
import { createDatabase, type DatabaseOptions } from "@gradients/db";
import { type Command, ConfigExit, createLogger, type Logger } from "@gradients/runtime";
import { type BusOptions, connectBus } from "./connect-bus.ts";
import { type DeadLetter, listDeadLetters, replayDeadLetter } from "./dead-letters.ts";
import type { BusTables } from "./tables.ts";

const EX_USAGE = 64;

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
      throw new ConfigExit("Expected: dead-letters list | replay <id>... | replay --all", EX_USAGE);
    },
  };
}

async function list({ database }: DeadLettersOptions, logger: Logger): Promise<void> {
  const db = createDatabase<BusTables>(database, logger);
  try {
    for (const letter of await listDeadLetters(db))
      process.stdout.write(`${JSON.stringify(toLine(letter))}\n`);
  } finally {
    await db.close();
  }
}

/** With the message instead of its bytes where they can be read. */
function toLine({ payload, headers: _headers, ...letter }: DeadLetter): object {
  const entry = eventByType(letter.type);
  try {
    if (entry) return { ...letter, message: toJson(entry.schema, decodeEvent(entry.schema, payload)) };
  } catch {
    // not that message: its bytes are all there is to show
  }
  return { ...letter, payload: Buffer.from(payload).toString("base64") };
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
