/** Types of problem.mjs for TypeScript code. */
export declare class SetupProblem extends Error {
  constructor(sentence: string, options?: ErrorOptions);
}
