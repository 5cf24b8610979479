import { type RawBuilder, sql } from "kysely";

/** For `column = any of these`: one text of statement however many there are, so that it can be prepared. */
export function anyOf<T extends string>(values: readonly T[]): RawBuilder<T> {
  return sql<T>`any(${[...values]}::text[])`;
}
