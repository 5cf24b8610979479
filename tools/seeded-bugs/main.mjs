import { parseArgs } from "node:util";
import { saveProof } from "../faults/src/results.ts";
import { readBugs } from "./read-bugs.mjs";
import { runTests } from "./run-tests.mjs";
import { openScratchTree } from "./scratch-tree.mjs";

const HELP = `npm run test:seeded-bugs -- [--only <name>] [--list] [--record]

Makes mistakes in a copy of the code, one at a time, and expects of each that the test which its patch names fails on it.

  --only <text>  those whose name holds it
  --list         says what they are, and runs nothing
  --record       writes what was caught to docs/reliability.md
`;

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    list: { type: "boolean", default: false },
    record: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const bugs = readBugs().filter(({ name }) => name.includes(values.only));
if (values.help) process.stdout.write(HELP);
else if (bugs.length === 0) {
  process.stderr.write(`--only: no name holds ${values.only}\n`);
  process.exitCode = 64;
} else if (values.list) for (const { name, mistake, test } of bugs) say(`${name}: ${mistake}\n    ${test}`);
else process.exitCode = await catchAll();

async function catchAll() {
  const startedAt = performance.now();
  const tree = await openScratchTree();
  const stop = endOnSignals(tree);
  try {
    if (!(await passesWithout(tree))) return 1;
    const results = [];
    for (const bug of bugs) results.push({ bug, isFound: await isCaught(tree, bug) });
    const caught = results.filter(({ isFound }) => isFound).length;
    const summary = `${caught} of ${bugs.length} caught in ${secondsSince(startedAt)}`;
    say(`\n${summary}`);
    if (values.record) await record(summary, results);
    return caught === bugs.length ? 0 : 1;
  } finally {
    stop();
    await tree.remove();
  }
}

/** A test that fails by itself catches nothing. */
async function passesWithout(tree) {
  const startedAt = performance.now();
  const { outcomes, output } = await runTests(tree, bugs);
  const failed = outcomes.filter(({ passed }) => !passed);
  const missing = bugs.filter(({ test }) => !outcomes.some(({ title }) => title === test));
  for (const { title, message } of failed) say(`fails without any mistake: ${title}\n${message}`);
  for (const { name, test } of missing) say(`${name}: there is no test "${test}"`);
  if (outcomes.length === 0) say(output);
  say(
    `without any mistake: ${outcomes.length - failed.length} of ${outcomes.length} tests pass, ${secondsSince(startedAt)}`,
  );
  return failed.length === 0 && missing.length === 0;
}

async function isCaught(tree, bug) {
  const startedAt = performance.now();
  await tree.apply(bug.patch);
  const { outcomes, output } = await runTests(tree, [bug]);
  await tree.restore();
  const own = outcomes.filter(({ title }) => title === bug.test);
  const isFound = own.some(({ asserted }) => asserted);
  say(`${isFound ? "caught" : "MISSED"} ${bug.name}, ${secondsSince(startedAt)}: ${bug.mistake}`);
  if (isFound) return true;
  const found = own.map(({ passed, message }) => (passed ? "it passes" : message)).join("\n");
  say(`  ${bug.test}: ${found || output}`);
  return false;
}

function record(summary, results) {
  return saveProof({
    name: "seeded-bugs",
    title: "Seeded bugs",
    text: `Mistakes made in a copy of the code, one at a time, each with the test that passes without it and must fail with it: ${summary}.`,
    command: "npm run test:seeded-bugs -- --record",
    head: ["mistake", "test", "outcome"],
    rows: results.map(({ bug, isFound }) => [
      bug.mistake,
      `${bug.test} (${bug.file})`,
      isFound ? "caught" : "missed",
    ]),
  });
}

/** The tree is removed, then the signal has its effect. */
function endOnSignals(tree) {
  const end = (signal) => void tree.remove().finally(() => process.kill(process.pid, signal));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, end);
  return () => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.off(signal, end);
  };
}

function secondsSince(startedAt) {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}

function say(line) {
  process.stdout.write(`${line}\n`);
}
