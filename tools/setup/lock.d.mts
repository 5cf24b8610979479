/** Types of lock.mjs for TypeScript code. */
export interface Lock {
  noteChild(pid: number): void;
  release(): void;
}
export declare function takeLock(
  path: string,
  onWait: (holder: { readonly pid: number }) => void,
): Promise<Lock>;
