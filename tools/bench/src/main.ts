import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { readCommit } from "@gradients/faults/commit";
import { paths } from "../../setup/paths.mjs";
import type { Benchmark, RunOptions } from "./benchmark.ts";
import { benchmarks } from "./benchmarks.ts";
import { sectionText, withSection } from "./document.ts";
import { readMachine } from "./machine.ts";

const documentFile = join(paths.repositoryRoot, "docs/benchmarks.md");
const EX_USAGE = 64;

const HELP = `npm run bench -- [names...] [options]

Measures, prints what it found, and writes it to docs/benchmarks.md: one section per benchmark, the others stay as they are.
A machine with nothing else to do gives the best figures; each section tells the load at its start.

${benchmarks.map(({ name, about, minutes }) => `  ${name.padEnd(13)} ${about} (${minutes} min)`).join("\n")}

Without names: all of them.

  --quick          short runs, to see that all works; docs/benchmarks.md is left alone
  --minutes <n>    length of the soak   [30]
  --rounds <n>     kueue, kueue-manager: how often each contender has its turn   [2]
  --share <x>      these and kubernetes: part of the load, above 0 to 1   [1]
  --profile <dir>  CPU profiles of the measured processes (bus, rpc, kubernetes)
  --help           this text
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: "boolean", default: false },
    minutes: { type: "string" },
    rounds: { type: "string" },
    share: { type: "string" },
    profile: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
const { minutes, rounds, share } = {
  minutes: numberOf(values.minutes),
  rounds: numberOf(values.rounds),
  share: numberOf(values.share),
};
const isFor = (...names: readonly string[]) =>
  positionals.length === 1 && names.includes(positionals[0] ?? "");
const unknown = positionals.find((name) => !benchmarks.some((one) => one.name === name));

if (values.help) process.stdout.write(HELP);
else if (unknown !== undefined) {
  process.stderr.write(`There is no benchmark "${unknown}".\n\n${HELP}`);
  process.exitCode = EX_USAGE;
} else if (minutes !== undefined && !(minutes > 0 && isFor("soak"))) {
  process.stderr.write(`--minutes takes a number above 0, and is for the soak alone.\n\n${HELP}`);
  process.exitCode = EX_USAGE;
} else if (
  rounds !== undefined &&
  !(Number.isInteger(rounds) && rounds > 0 && isFor("kueue", "kueue-manager"))
) {
  process.stderr.write(
    `--rounds takes a whole number above 0, and is for kueue or kueue-manager alone.\n\n${HELP}`,
  );
  process.exitCode = EX_USAGE;
} else if (
  share !== undefined &&
  !(share > 0 && share <= 1 && isFor("kueue", "kueue-manager", "kubernetes"))
) {
  process.stderr.write(
    `--share takes a number above 0 to 1, and is for kueue, kueue-manager or kubernetes alone.\n\n${HELP}`,
  );
  process.exitCode = EX_USAGE;
} else for (const one of chosen()) await runOne(one);

function chosen(): readonly Benchmark[] {
  return positionals.length === 0 ? benchmarks : benchmarks.filter(({ name }) => positionals.includes(name));
}

async function runOne({ name, title, run }: Benchmark): Promise<void> {
  const machine = readMachine();
  const startedAt = performance.now();
  say(`${title}: load ${machine.load.toFixed(2)} at the start`);
  const findings = await run(await runOptions());
  const text = sectionText(
    {
      command: ["npm run bench --", name, ...Object.entries({ minutes, rounds, share }).flatMap(asked)].join(
        " ",
      ),
      date: new Date().toISOString().slice(0, 10),
      commit: await readCommit(),
      seconds: (performance.now() - startedAt) / 1000,
      machine,
    },
    findings,
  );
  process.stdout.write(`\n## ${title}\n\n${text}\n\n`);
  if (!values.quick) await save(title, text);
}

async function runOptions(): Promise<RunOptions> {
  const profileDir = values.profile === undefined ? undefined : resolve(values.profile);
  if (profileDir !== undefined) await mkdir(profileDir, { recursive: true });
  return { isQuick: values.quick, minutes, rounds, share, profileDir, say };
}

async function save(title: string, text: string): Promise<void> {
  const before = await readFile(documentFile, "utf8").catch(() => "");
  const titles = benchmarks.map((one) => one.title);
  await writeFile(documentFile, withSection(before, titles, { title, text }));
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function asked([name, value]: readonly [string, number | undefined]): readonly string[] {
  return value === undefined ? [] : [`--${name} ${value}`];
}
