/** As the chart has them for the scheduler. */
export const memorySettings = { NODE_OPTIONS: "--max-semi-space-size=8", MALLOC_ARENA_MAX: "1" } as const;
