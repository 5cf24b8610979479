// `npm run check`: format, lint with types, types, layer rules, dead code, proto lint and breaking,
// generated documents, seeded bugs, ruff, mypy. Every check runs; the summary says which failed.
import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { paths } from "../setup/paths.mjs";

const root = new URL("../../", import.meta.url).pathname;
const bin = (name) => join(root, "node_modules/.bin", name);
const engine = join(root, "services/trainer-gpu/engine");
const python = (tool, ...args) => [join(paths.python, "bin/python"), "-m", tool, ...args];
/** By the engine's rules, also where else Python lies. */
const ruff = (...args) => [
  ...python("ruff", ...args, "--config", "pyproject.toml", "."),
  ...["deploy/images", "tools/images"].map((folder) => join(root, folder)),
];

const checks = [
  { name: "format", command: [bin("biome"), "check", "."], fix: "npx biome check --write ." },
  { name: "types", command: ["node", "node_modules/typescript-native/bin/tsc", "-p", "tsconfig.json"] },
  { name: "lint", command: [bin("oxlint"), "--type-aware"] },
  {
    name: "layers",
    command: [
      bin("depcruise"),
      "packages",
      "services",
      "tools",
      "--include-only",
      "^(packages|services|tools)",
    ],
  },
  { name: "dead code", command: [bin("knip"), "--no-progress"] },
  { name: "proto lint", command: [bin("buf"), "lint"] },
  { name: "proto breaking", command: ["node", "tools/ci/buf-breaking.mjs"] },
  {
    name: "events document",
    command: ["node", "tools/setup/events-document.mjs", "--check"],
    fix: "npm run generate",
  },
  {
    name: "metrics document",
    command: ["node", "tools/ci/metrics-document.mjs", "--check"],
    fix: "node tools/ci/metrics-document.mjs",
  },
  {
    name: "chart documents",
    command: ["node", "tools/chart/src/main.ts", "--check"],
    fix: "npm run chart-documents",
  },
  {
    name: "seeded bugs",
    command: ["node", "tools/seeded-bugs/check-patches.mjs"],
    fix: "make the same mistake in the code as it is now, and save it as the patch",
  },
  { name: "ruff", command: ruff("check"), cwd: engine },
  { name: "ruff format", command: ruff("format", "--check"), cwd: engine },
  { name: "mypy", command: python("mypy", "gradients_engine"), cwd: engine },
];

const started = Date.now();
await setUp();
const failed = await runAll(checks, 2);
const seconds = ((Date.now() - started) / 1000).toFixed(0);
console.log(`\n${checks.length - failed.length} checks passed, ${failed.length} failed in ${seconds} s`);
for (const check of failed) console.log(`  ${check.name}${check.fix ? `: try \`${check.fix}\`` : ""}`);
process.exitCode = failed.length === 0 ? 0 : 1;

async function setUp() {
  const { code } = await run({ command: ["node", "tools/setup/setup.mjs"] }, "inherit");
  if (code !== 0) process.exit(code);
}

async function runAll(list, width) {
  const queue = [...list];
  const failures = [];
  const worker = async () => {
    for (let check = queue.shift(); check; check = queue.shift()) {
      const { code, output, milliseconds } = await run(check, "pipe");
      console.log(
        `${code === 0 ? "ok    " : "FAILED"} ${check.name} (${(milliseconds / 1000).toFixed(1)} s)`,
      );
      if (code !== 0) {
        console.log(output.trimEnd());
        failures.push(check);
      }
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  return failures;
}

function run({ command: [program, ...args], cwd = root }, output) {
  const from = Date.now();
  const env = {
    ...process.env,
    PATH: `${join(root, "node_modules/.bin")}${delimiter}${process.env.PATH}`,
    NO_COLOR: "1",
  };
  const child = spawn(program, args, {
    cwd,
    env,
    stdio: output === "inherit" ? "inherit" : ["ignore", "pipe", "pipe"],
  });
  let text = "";
  child.stdout?.on("data", (chunk) => (text += chunk));
  child.stderr?.on("data", (chunk) => (text += chunk));
  return new Promise((resolve) => {
    child.on("error", (error) =>
      resolve({ code: 1, output: error.message, milliseconds: Date.now() - from }),
    );
    child.on("close", (code) => resolve({ code: code ?? 1, output: text, milliseconds: Date.now() - from }));
  });
}
