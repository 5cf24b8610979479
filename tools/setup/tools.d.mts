import type { Lock } from "./lock.mjs";

/** Types of tools.mjs for TypeScript code. */
export declare function runTool(options: {
  readonly what: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly onLine?: (line: string) => void;
  readonly lock: Lock;
}): Promise<void>;
export declare function stopTools(): void;
export declare function ask(command: string, args: readonly string[]): string | undefined;
