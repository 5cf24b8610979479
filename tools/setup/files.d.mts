/** Types of files.mjs for TypeScript code. */
export declare function hashOf(from: {
  readonly files?: readonly string[];
  readonly values?: readonly string[];
}): string;
export declare function freeSpace(path: string): number;
export declare function stampBeside(file: string): string;
export declare function hasStamp(stamp: string, madeFrom: string): boolean;
export declare function writeStamp(stamp: string, madeFrom: string): void;
export declare function replaceWhole(
  target: string,
  make: (temporary: string) => Promise<void>,
): Promise<void>;
