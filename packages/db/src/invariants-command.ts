import { type Command, ConfigExit, createLogger } from "@gradients/runtime";
import type { DatabaseOptions } from "./connection.ts";
import { createDatabase } from "./database.ts";
import { checkInvariants, type Invariant } from "./invariants.ts";

export interface InvariantsCommandOptions {
  readonly database: DatabaseOptions;
  readonly invariants: readonly Invariant[];
  readonly windowHours: number;
}

const EX_VIOLATED = 1;

/** The subcommand `invariants` of a service's program: checks once. Exit code 1 and one JSON line for each violation when one does not hold. */
export function invariantsCommand<Config>(
  optionsOf: (config: Config) => InvariantsCommandOptions,
): Command<Config> {
  return {
    summary: "checks what must hold for the stored rows; exit code 1 when something does not",
    run: async (config) => {
      const { database, invariants, windowHours } = optionsOf(config);
      const db = createDatabase<unknown>(database, createLogger({ service: "invariants", level: "warn" }));
      try {
        const violations = await checkInvariants(db, invariants, { windowHours });
        for (const { invariant, rows } of violations)
          process.stdout.write(
            `${JSON.stringify({ invariant: invariant.id, text: invariant.text, rows }, bigintAsText)}\n`,
          );
        const summary = `${invariants.length - violations.length} of ${invariants.length} invariants hold\n`;
        if (violations.length > 0) throw new ConfigExit(summary, EX_VIOLATED);
        process.stdout.write(summary);
      } finally {
        await db.close();
      }
    },
  };
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
