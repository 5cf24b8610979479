/** Types of problem.mjs for TypeScript code. */
export declare class SetupProblem extends Error {
  constructor(sentence: string, options?: ErrorOptions);
}
export declare function runCommand(main: (args: readonly string[]) => Promise<number>): Promise<void>;
