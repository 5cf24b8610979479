import type { Compilable, CompiledQuery, Kysely } from "kysely";

/**
 * A hot query that Kysely builds once; then it runs with other values, in the pool or in a transaction. `build` gets a stand-in for each value, to hand to
 * the query and to nothing else: what the query looks like cannot hang on them, nor on the database, as a schema stands in the search path alone.
 */
export function builtOnce<Tables, Values extends readonly unknown[], Row>(
  build: (q: Kysely<Tables>, ...values: Values) => Compilable<Row>,
): (q: Kysely<Tables>, ...values: Values) => Promise<readonly Row[]> {
  let built: CompiledQuery<Row> | undefined;
  return async (q, ...values) => {
    built ??= build(q, ...(values.map((_, index) => new StandIn(index)) as unknown as Values)).compile();
    const parameters = built.parameters.map((parameter) =>
      parameter instanceof StandIn ? values[parameter.index] : parameter,
    );
    return (await q.executeQuery<Row>({ ...built, parameters })).rows;
  };
}

class StandIn {
  readonly index: number;

  constructor(index: number) {
    this.index = index;
  }
}
