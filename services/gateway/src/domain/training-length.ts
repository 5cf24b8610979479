const DEFAULT_MAX_LENGTH = 1024;

/** Tokens of the longest row that a job trains on when it names no max_length. */
export function trainingLength(contextLength = DEFAULT_MAX_LENGTH): number {
  return Math.min(DEFAULT_MAX_LENGTH, contextLength);
}
