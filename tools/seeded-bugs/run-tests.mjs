import { spawn } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { nodeProgram, programEnvironment } from "../setup/launch.mjs";
import { paths } from "../setup/paths.mjs";

/**
 * How a test came out. `asserted`: it failed at what it expects, not because something could not be loaded or took too long.
 * @typedef {{ title: string, passed: boolean, asserted: boolean, message: string }} Outcome
 */

/**
 * Runs the tests of these bugs in a tree and nothing else.
 * @returns {Promise<{ outcomes: Outcome[], output: string }>}
 */
export async function runTests(tree, bugs) {
  const pythonBugs = bugs.filter(({ kind }) => kind === "pytest");
  const otherBugs = bugs.filter(({ kind }) => kind !== "pytest");
  const runs = [];
  if (otherBugs.length > 0) runs.push(await runVitest(tree, otherBugs));
  if (pythonBugs.length > 0) runs.push(await runPytest(tree, pythonBugs));
  return {
    outcomes: runs.flatMap(({ outcomes }) => outcomes),
    output: runs.map(({ output }) => output).join("\n"),
  };
}

async function runVitest(tree, bugs) {
  const report = join(tree.path, "../vitest.json");
  const titles = bugs.map(({ test }) => test.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const { output } = await run(
    nodeProgram(),
    [
      join(tree.path, "node_modules/vitest/vitest.mjs"),
      "run",
      "--root",
      tree.path,
      "--reporter=json",
      `--outputFile=${report}`,
      ...new Set(bugs.map(({ kind }) => `--project=${kind}`)),
      "--testNamePattern",
      `(${titles.join("|")})`,
      ...new Set(bugs.map(({ file }) => file)),
    ],
    tree.path,
  );
  const { testResults = [] } = await readReport(report, JSON.parse, {});
  const results = testResults.flatMap(({ assertionResults }) => assertionResults);
  const outcomes = results
    .filter(({ status }) => status === "passed" || status === "failed")
    .map(({ title, status, failureMessages }) =>
      outcomeOf(title, status === "passed", failureMessages.join("\n")),
    );
  return { outcomes, output };
}

async function runPytest(tree, bugs) {
  const engine = join(tree.path, "services/trainer-gpu/engine");
  const report = join(tree.path, "../pytest.xml");
  const ids = bugs.map(({ file, test }) => `${join(tree.path, file)}::${test}`);
  const args = ["-m", "pytest", "-q", "-p", "no:cacheprovider", `--junitxml=${report}`, ...ids];
  const { output } = await run(paths.pythonBin, args, engine, { PYTHONPATH: engine });
  const cases = await readReport(
    report,
    (xml) => [...xml.matchAll(/<testcase [^>]*name="([^"]+)"[^>]*?(\/>|>(.*?)<\/testcase>)/gs)],
    [],
  );
  const outcomes = cases.map(([, name, , body = ""]) => {
    const failure = /<(?:failure|error) message="([^"]*)"/.exec(body)?.[1];
    return outcomeOf(name.replace(/\[.*/, ""), failure === undefined, failure ?? "");
  });
  return { outcomes, output };
}

function outcomeOf(title, passed, message) {
  return {
    title,
    passed,
    asserted:
      !passed &&
      /AssertionError|^Error: ([Ee]xpected|promise) |Property failed|^assert |DID NOT RAISE/.test(message),
    message,
  };
}

/** Of random histories the same ones each time. */
const SAME_HISTORIES = { PROOF_SEED: "1", PROOF_RUNS: "30" };

/** A run that could not even begin leaves no report. */
async function readReport(file, parse, otherwise) {
  const text = await readFile(file, "utf8").catch(() => undefined);
  await rm(file, { force: true });
  return text === undefined ? otherwise : parse(text);
}

function run(program, args, cwd, env = {}) {
  const child = spawn(program, args, {
    cwd,
    env: { ...programEnvironment(), ...SAME_HISTORIES, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}
