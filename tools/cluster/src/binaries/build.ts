import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { hasStamp, replaceWhole, stampBeside, writeStamp } from "../../../setup/files.mjs";
import { takeLock } from "../../../setup/lock.mjs";
import { SetupProblem } from "../../../setup/problem.mjs";
import { createReporter, describePlan } from "../../../setup/progress.mjs";
import { ask, runTool, stopTools } from "../../../setup/tools.mjs";
import { buildLock, modulesFolder } from "../layout.ts";
import { type Binary, type BinaryName, binaries, binaryPath, linkerFlags, madeFrom } from "./catalogue.ts";

const oldestGo = { major: 1, minor: 26 };

/** Builds what is missing or was built from other versions, one after the other. Touches nothing when all are there. */
export async function buildBinaries(names: readonly BinaryName[]): Promise<void> {
  if (names.every(isBuilt)) return;
  demandGo();
  const reporter = createReporter();
  mkdirSync(dirname(buildLock), { recursive: true });
  const lock = await takeLock(buildLock, ({ pid }) =>
    reporter.say(`Another build (process ${pid}) is at work: waiting for it.`),
  );
  const stopListening = endOnSignals();
  try {
    const missing = names.filter((name) => !isBuilt(name));
    reporter.say(describePlan(missing.map((name) => binaries[name])));
    for (const [index, name] of missing.entries()) {
      const progress = reporter.begin({ title: name, ...binaries[name] }, `[${index + 1}/${missing.length}]`);
      await build(name, lock, progress.update).catch((error: unknown) => {
        progress.abandon();
        throw error;
      });
      progress.end();
    }
  } finally {
    stopListening();
    lock.release();
  }
}

export const isBuilt = (name: BinaryName) =>
  hasStamp(stampBeside(binaryPath(name)), madeFrom(binaries[name]));

/** What this machine lacks for a build, as one sentence. */
export function goProblem(): string | undefined {
  const version = ask("go", ["env", "GOVERSION"]);
  const { major, minor } = oldestGo;
  const needed = `Go ${major}.${minor} or newer`;
  if (version === undefined) return `${needed} is needed to build Kubernetes and was not found`;
  const [ownMajor = 0, ownMinor = 0] = version.replace(/^go/, "").split(".").map(Number);
  const isEnough = ownMajor > major || (ownMajor === major && ownMinor >= minor);
  return isEnough ? undefined : `${needed} is needed to build Kubernetes and this is ${version}`;
}

function demandGo(): void {
  const problem = goProblem();
  if (problem !== undefined) throw new SetupProblem(`${problem}: install it and run the same command again.`);
}

type Update = (state: { readonly done: number; readonly total: number; readonly unit: string }) => void;

async function build(name: BinaryName, lock: Awaited<ReturnType<typeof takeLock>>, update: Update) {
  const binary: Binary = binaries[name];
  const target = binaryPath(name);
  const cwd = join(modulesFolder, binary.module);
  const go = { command: "go", cwd, env: { ...process.env, CGO_ENABLED: "0", GOWORK: "off" }, lock };
  const flags = ["-buildvcs=false", "-trimpath", "-ldflags", linkerFlags(binary)];
  let total = 0;
  await runTool({
    what: `Listing the packages of ${name}`,
    ...go,
    args: ["list", ...flags, "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}", binary.source],
    onLine: () => (total += 1),
  });
  let done = 0;
  await replaceWhole(target, (temporary) =>
    runTool({
      what: `Building ${name}`,
      ...go,
      args: ["build", "-v", ...flags, "-o", temporary, binary.source],
      onLine: () => update({ done: Math.min((done += 1), total), total, unit: "packages" }),
    }),
  );
  writeStamp(stampBeside(target), madeFrom(binary));
}

function endOnSignals(): () => void {
  const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  const signals = Object.keys(codes) as (keyof typeof codes)[];
  const onSignal = (signal: NodeJS.Signals) => {
    stopTools();
    process.stderr.write("\nThe build was interrupted: the same command goes on from here.\n");
    process.exit(codes[signal as keyof typeof codes]);
  };
  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
}
