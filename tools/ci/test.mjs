// `npm test`: set-up, then every test: vitest (unit, on real servers, whole system) and the engine's pytest.
// The closing line stands alone: "N passed, N failed". Arguments go to vitest and leave the engine's tests out: `npm test -- packages/kernel`.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { launch, runInForeground } from "../setup/launch.mjs";
import { paths } from "../setup/paths.mjs";
import { SetupProblem } from "../setup/problem.mjs";
import { setUp } from "../setup/setup.mjs";

const reports = mkdtempSync(join(tmpdir(), "gradients-test-"));
const vitestReport = join(reports, "vitest.json");
const pytestReport = join(reports, "pytest.xml");
/** Exit codes from here on: ended by a signal, as by Ctrl-C. */
const interrupted = 129;

try {
  process.exitCode = await testAll(process.argv.slice(2));
} catch (error) {
  process.stderr.write(error instanceof SetupProblem ? `${error.message}\n` : `${error.stack}\n`);
  process.stdout.write("0 passed, 1 failed\n");
  process.exitCode = 1;
} finally {
  rmSync(reports, { recursive: true, force: true });
}

async function testAll(filters) {
  await setUp();
  process.stdout.write("TypeScript: unit tests, tests on real servers, the whole system\n");
  const code = await runVitest(filters);
  if (code >= interrupted) return code;
  const typescript = readVitest(code);
  if (filters.length > 0) return report([typescript]);
  process.stdout.write("Python: the training engine\n");
  const python = readPytest(await runPytest());
  return report([typescript, python]);
}

function runVitest(filters) {
  const args = [
    "run",
    ...["unit", "int", "system"].map((project) => `--project=${project}`),
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${vitestReport}`,
    ...filters,
  ];
  return launch(join(paths.dependencies, "vitest/vitest.mjs"), ["--root", paths.repositoryRoot, ...args]);
}

function runPytest() {
  const args = ["-m", "pytest", "-q", `--junitxml=${pytestReport}`, "-p", "no:cacheprovider"];
  return runInForeground(paths.pythonBin, args, {
    cwd: paths.engine,
    env: { ...process.env, PYTHONPATH: paths.engine },
  });
}

/** A file that cannot be loaded holds no tests and still is a failure; so is a run that fails with no failed test to show. */
function readVitest(exitCode) {
  if (!existsSync(vitestReport)) return { passed: 0, failed: 1 };
  const { numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(vitestReport, "utf8"));
  const brokenFiles = testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && !assertionResults.some((test) => test.status === "failed"),
  );
  return blame(exitCode, { passed: numPassedTests, failed: numFailedTests + brokenFiles.length });
}

function readPytest(exitCode) {
  if (!existsSync(pytestReport)) return { passed: 0, failed: 1 };
  const summary = /<testsuite [^>]*>/.exec(readFileSync(pytestReport, "utf8"))?.[0] ?? "";
  const count = (name) => Number(new RegExp(` ${name}="(\\d+)"`).exec(summary)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  return blame(exitCode, { passed: count("tests") - failed - count("skipped"), failed });
}

function blame(exitCode, { passed, failed }) {
  return { passed, failed: exitCode !== 0 && failed === 0 ? 1 : failed };
}

function report(results) {
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  process.stdout.write(`\n${sum("passed")} passed, ${sum("failed")} failed\n`);
  return sum("failed") === 0 ? 0 : 1;
}
