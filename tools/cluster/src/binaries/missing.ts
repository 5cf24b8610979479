import { isBuilt } from "./build.ts";
import type { BinaryName } from "./catalogue.ts";

/** For tests that skip themselves: a sentence that says what is not built yet and how to build it, or nothing. */
export function missingBinaries(...names: readonly BinaryName[]): string | undefined {
  const missing = names.filter((name) => !isBuilt(name));
  if (missing.length === 0) return undefined;
  return `${missing.join(", ")}: not built; \`npm run cluster -- build ${missing.join(" ")}\` builds it (needs Go)`;
}
