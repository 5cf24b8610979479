// Runs projects of vitest and counts what came of it.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch } from "../setup/launch.mjs";
import { paths } from "../setup/paths.mjs";

/** Exit codes from here on: ended by a signal, as by Ctrl-C. */
export const interrupted = 129;

/** Resolves with vitest's exit code and the totals. */
export async function runVitest(projects, filters) {
  const folder = mkdtempSync(join(tmpdir(), "gradients-vitest-"));
  const report = join(folder, "report.json");
  try {
    const args = [
      "run",
      ...projects.map((project) => `--project=${project}`),
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
      ...filters,
    ];
    const program = join(paths.dependencies, "vitest/vitest.mjs");
    const code = await launch(program, ["--root", paths.repositoryRoot, ...args]);
    return { code, ...blame(code, totalsIn(report)) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A file that cannot be loaded holds no tests and still is a failure. */
function totalsIn(report) {
  if (!existsSync(report)) return { passed: 0, failed: 1 };
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(report, "utf8"));
  const brokenFiles = testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  );
  return { passed: numPassedTests, failed: numFailedTests + brokenFiles.length };
}

/** A run that fails with no failed test to show is a failure as well. */
export function blame(exitCode, { passed, failed }) {
  return { passed, failed: exitCode !== 0 && failed === 0 ? 1 : failed };
}

/** The closing line, alone: "N passed, N failed". Resolves with the exit code that belongs to it. */
export function report(results) {
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  process.stdout.write(`\n${sum("passed")} passed, ${sum("failed")} failed\n`);
  return sum("failed") === 0 ? 0 : 1;
}
