/** Types of python.mjs for TypeScript code. */
export declare function findPython(): string;
export declare function uvEnvironment(python: string): NodeJS.ProcessEnv;
