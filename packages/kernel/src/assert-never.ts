/** For the default branch of an exhaustive switch: a forgotten case is a type error, an unforeseen value a thrown one. */
export function assertNever(value: never): never {
  throw new Error(`Unforeseen value: ${JSON.stringify(value)}`);
}
