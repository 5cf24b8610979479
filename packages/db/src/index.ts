export { withAdvisoryLock } from "./advisory-lock.ts";
export { builtOnce } from "./built-once.ts";
export type { DatabaseOptions } from "./connection.ts";
export { createDatabase, type Database, type Tx } from "./database.ts";
export { ensureSchema, type SchemaOptions } from "./ensure-schema.ts";
export { isOutage, isUniqueViolation } from "./errors.ts";
export {
  checkInvariants,
  createInvariantChecker,
  type Invariant,
  type InvariantRules,
  type Violation,
  windowStartId,
} from "./invariants.ts";
export { invariantsCommand } from "./invariants-command.ts";
export { migrate } from "./migrate.ts";
export { schemaCommands } from "./schema-commands.ts";
