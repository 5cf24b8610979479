#!/usr/bin/env node
// Everything that the programs and tests here need, made once: see --help. Node built-ins only, and it must run on Node 20.
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { freeSpace, makeFolder, removeLeftovers } from "./files.mjs";
import { launch } from "./launch.mjs";
import { takeLock } from "./lock.mjs";
import { paths, repositoryRoot } from "./paths.mjs";
import { SetupProblem } from "./problem.mjs";
import { createReporter, describePlan, formatBytes } from "./progress.mjs";
import { findPython } from "./python.mjs";
import { demoDataset } from "./steps-data.mjs";
import { generatedContracts, npmPackages, webPage } from "./steps-npm.mjs";
import { baseModel, peerEnvironment, pythonEnvironment, uvTool } from "./steps-python.mjs";
import { natsServer, nodeForMac, postgres, seaweed } from "./steps-servers.mjs";
import { ask, machineEnvironment, stopTools } from "./tools.mjs";

const oldestNode = 20;
/** In this order: later steps use what earlier ones made. */
const steps = [
  npmPackages,
  uvTool,
  nodeForMac,
  generatedContracts,
  postgres,
  natsServer,
  seaweed,
  demoDataset,
  pythonEnvironment,
  baseModel,
  webPage,
];
/** Made only when asked for by name. */
const extras = { trl: peerEnvironment };

const help = `Usage: node tools/setup/setup.mjs [--with EXTRA] [--then PROGRAM [ARGUMENT...]]

Makes what is missing: npm packages, Node 24, generated code, the web page, PostgreSQL, nats-server,
SeaweedFS, the Python environment, the base model and the demo's data set. Steps that are done are skipped,
an interrupted step is done again, and nothing is downloaded twice.

  --with EXTRA    also trl, a Python environment that has TRL beside the engine (6 GB of disk)
  --then PROGRAM  afterwards run this program of the repository with Node 24, with all arguments that follow
  --help          show this text

Environment:
  GRADIENTS_CACHE  folder for all of it but the npm packages (now ${paths.cache})
  HTTPS_PROXY, npm's and pip's settings and UV_* are honoured.

Files of PostgreSQL lie in ${dirname(paths.postgres)}.
`;

/** Makes all that is missing. Does not touch the network, nor wait for anybody, when nothing is. */
export async function setUp(reporter = createReporter(), extra = []) {
  const wanted = [...steps, ...extra];
  if (await pendingSteps(wanted).then((pending) => pending.length === 0)) return;
  checkPrerequisites();
  makeFolder(paths.cache);
  const lock = await takeLock(paths.lock, ({ pid }) =>
    reporter.say(`Another set-up (process ${pid}) is at work: waiting for it.`),
  );
  const stopListening = endOnSignals();
  try {
    removeLeftovers([
      paths.cache,
      paths.bin,
      dirname(paths.model),
      dirname(paths.dataset),
      dirname(paths.postgres),
      dirname(paths.webDist),
    ]);
    await makeAll(wanted, lock, reporter);
  } finally {
    stopListening();
    lock.release();
  }
}

/** A step may be made stale by an earlier one, so each is asked again when its turn comes. */
async function makeAll(wanted, lock, reporter) {
  const planned = await pendingSteps(wanted);
  if (planned.length === 0) return;
  checkDisk(planned);
  reporter.say(describePlan(planned));
  for (const [index, step] of wanted.entries()) {
    if (await isCurrent(step)) continue;
    const progress = reporter.begin(step, `[${String(index + 1).padStart(2)}/${wanted.length}]`);
    try {
      await step.make({ lock, update: progress.update });
    } catch (error) {
      progress.abandon();
      throw asProblem(error, step);
    }
    progress.end();
  }
  reporter.say("Set-up is complete.");
}

async function pendingSteps(wanted) {
  const flags = await Promise.all(wanted.map(isCurrent));
  return wanted.filter((_, index) => !flags[index]);
}

/** Whatever cannot be read is not current: its step says why. */
async function isCurrent(step) {
  try {
    return await step.isCurrent();
  } catch {
    return false;
  }
}

function checkPrerequisites() {
  const [major] = process.versions.node.split(".").map(Number);
  if (major < oldestNode)
    throw new SetupProblem(
      `Node ${oldestNode} or newer is needed and this is ${process.versions.node}: install it from your system or nodejs.org, then run the same command again.`,
    );
  if (ask("npm", ["--version"], { env: machineEnvironment() }) === undefined)
    throw new SetupProblem(
      "npm is needed and was not found: install it together with Node, then run the same command again.",
    );
  findPython();
  demandWritable(repositoryRoot);
  demandWritable(nearestFolder(paths.cache), "; or set GRADIENTS_CACHE to a folder of your own");
}

function demandWritable(folder, hint = "") {
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    throw new SetupProblem(`${folder} cannot be written to: run this as its owner${hint}.`);
  }
}

function nearestFolder(path) {
  return existsSync(path) ? path : nearestFolder(dirname(path));
}

/** Before anything starts: a disk that fills up half-way costs the user more. */
function checkDisk(pending) {
  const byDisk = new Map();
  for (const { disk, bytes } of pending) {
    const folder = nearestFolder(disk);
    const entry = byDisk.get(statSync(folder).dev) ?? { folder, bytes: 0 };
    byDisk.set(statSync(folder).dev, { ...entry, bytes: entry.bytes + bytes });
  }
  for (const { folder, bytes } of byDisk.values()) {
    const free = freeSpace(folder);
    if (free < bytes)
      throw new SetupProblem(
        `Set-up needs about ${formatBytes(bytes)} on the disk of ${folder} and ${formatBytes(free)} are free: make room, or set GRADIENTS_CACHE to a folder on another disk.`,
      );
  }
}

function asProblem(error, { title }) {
  if (error instanceof SetupProblem) return error;
  if (error.code === "ENOSPC")
    return new SetupProblem(
      `The disk became full while making the ${title}: free some space, or set GRADIENTS_CACHE to a folder on another disk, then run the same command again.`,
      { cause: error },
    );
  return new SetupProblem(`Making the ${title} failed (${error.message}): run the same command again.`, {
    cause: error,
  });
}

/** The lock stays until this process and its children are gone; half-made things keep their temporary names. The next set-up removes both. */
function endOnSignals() {
  const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 };
  const onSignal = (signal) => {
    stopTools();
    process.stderr.write("\nSet-up was interrupted: the same command goes on from here.\n");
    process.exit(codes[signal]);
  };
  for (const signal of Object.keys(codes)) process.on(signal, onSignal);
  return () => {
    for (const signal of Object.keys(codes)) process.off(signal, onSignal);
  };
}

async function main(args) {
  const then = args.indexOf("--then");
  const own = then < 0 ? args : args.slice(0, then);
  if (own.includes("--help")) return void process.stdout.write(help);
  const extra = extrasOf(own);
  const [program, ...programArguments] = then < 0 ? [] : args.slice(then + 1);
  if (then >= 0 && program === undefined)
    throw new SetupProblem("--then needs the program to run: see node tools/setup/setup.mjs --help.");
  await setUp(createReporter(), extra);
  if (program !== undefined) process.exitCode = await launch(join(repositoryRoot, program), programArguments);
}

function extrasOf(args) {
  if (args.length === 0) return [];
  const [option, name] = args;
  if (option !== "--with")
    throw new SetupProblem(`"${option}" is no option of set-up: see node tools/setup/setup.mjs --help.`);
  if (args.length !== 2 || !Object.hasOwn(extras, name))
    throw new SetupProblem(`--with takes one of: ${Object.keys(extras).join(", ")}.`);
  return [extras[name]];
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(error instanceof SetupProblem ? `${error.message}\n` : `${error.stack}\n`);
    process.exit(1);
  }
}
