/** Types of progress.mjs for TypeScript code. */
interface Effort {
  readonly bytes: number;
  readonly seconds: number;
}
interface State {
  readonly done?: number;
  readonly total?: number;
  readonly unit?: string;
  readonly note?: string;
}
interface Reporter {
  say(text: string): void;
  begin(
    step: Effort & { readonly title: string },
    label: string,
  ): { update(state: State): void; end(): void; abandon(): void };
}
export declare function createReporter(stream?: NodeJS.WriteStream): Reporter;
export declare function formatBytes(bytes: number): string;
export declare function describePlan(steps: readonly Effort[]): string;
