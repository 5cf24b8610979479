// Runs a program of this repository with Node 24, as if the caller had started it himself.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join } from "node:path";
import { paths } from "./paths.mjs";

/** Sources run by type stripping and use `await using`. */
export const neededNode = 24;
const guard = new URL("./die-with-parent.mjs", import.meta.url).href;

export const ownNodeIsEnough = Number(process.versions.node.split(".")[0]) >= neededNode;

/** Node >= 24: from npm on Linux, from PyPI on macOS, or the machine's own. */
export function nodeProgram() {
  if (ownNodeIsEnough) return process.execPath;
  const fromNpm = join(paths.dependencies, ".bin/node");
  return existsSync(fromNpm) ? fromNpm : join(paths.node, "bin/node");
}

/** Tools with `#!/usr/bin/env node` find the same Node. What it compiles is kept: starts take about two thirds of the time. */
export function programEnvironment() {
  const folders = [join(paths.dependencies, ".bin"), ...(ownNodeIsEnough ? [] : [join(paths.node, "bin")])];
  return {
    NODE_COMPILE_CACHE: paths.compileCache,
    ...process.env,
    PATH: [...folders, process.env.PATH].join(delimiter),
  };
}

/** Runs a source file of the repository. The program also ends when this process is killed. */
export function launch(program, args) {
  return runInForeground(nodeProgram(), ["--import", guard, program, ...args], { env: programEnvironment() });
}

/** Shares this terminal and its signals; resolves with the exit code that this process should end with. */
export function runInForeground(command, args, options) {
  const child = spawn(command, args, { stdio: "inherit", ...options });
  const stopForwarding = forwardSignals(child);
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      stopForwarding();
      resolve(code ?? 128 + constants.signals[signal]);
    });
  });
}

/** Ctrl-C on a terminal reaches the whole foreground group: sending it again would look like a second, impatient one. */
function forwardSignals(child) {
  const forward = (signal) => {
    if (signal === "SIGINT" && process.stdin.isTTY) return;
    child.kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, forward);
  return () => {
    for (const signal of signals) process.off(signal, forward);
  };
}
