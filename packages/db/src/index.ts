export { withAdvisoryLock } from "./advisory-lock.ts";
export type { DatabaseOptions } from "./connection.ts";
export { createDatabase, type Database, type Tx } from "./database.ts";
export { ensureSchema, type SchemaOptions } from "./ensure-schema.ts";
export { isUniqueViolation, isUnreachable } from "./errors.ts";
export { migrate } from "./migrate.ts";
