// `npm test`: set-up, then every test: vitest (unit, on real servers, whole system) and the engine's pytest.
// The closing line stands alone: "N passed, N failed". Arguments go to vitest and leave the engine's tests out: `npm test -- packages/kernel`.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runInForeground } from "../setup/launch.mjs";
import { paths } from "../setup/paths.mjs";
import { SetupProblem } from "../setup/problem.mjs";
import { setUp } from "../setup/setup.mjs";
import { blame, interrupted, report, runVitest } from "./vitest-totals.mjs";

const reports = mkdtempSync(join(tmpdir(), "gradients-test-"));
const pytestReport = join(reports, "pytest.xml");

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
  const typescript = await runVitest(["unit", "int", "system"], filters);
  if (typescript.code >= interrupted) return typescript.code;
  if (filters.length > 0) return report([typescript]);
  process.stdout.write("Python: the training engine\n");
  const python = readPytest(await runPytest());
  return report([typescript, python]);
}

function runPytest() {
  const args = ["-m", "pytest", "-q", `--junitxml=${pytestReport}`, "-p", "no:cacheprovider"];
  return runInForeground(paths.pythonBin, args, {
    cwd: paths.engine,
    env: { ...process.env, PYTHONPATH: paths.engine },
  });
}

function readPytest(exitCode) {
  if (!existsSync(pytestReport)) return { passed: 0, failed: 1 };
  const summary = /<testsuite [^>]*>/.exec(readFileSync(pytestReport, "utf8"))?.[0] ?? "";
  const count = (name) => Number(new RegExp(` ${name}="(\\d+)"`).exec(summary)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  return blame(exitCode, { passed: count("tests") - failed - count("skipped"), failed });
}
