import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Addresses } from "@gradients/runtime";
import type { Environment, ServiceName } from "../service-environments.ts";

const services = fileURLToPath(new URL("../../../../services", import.meta.url));
const telemetry = import.meta.resolve("@gradients/runtime/telemetry");

/** A service as `npm start` runs it: a process of its own, with telemetry as its variables say. */
export interface SpawnedService {
  /** Resolves once the service says that it has started, rejects when it ends before. */
  readonly started: Promise<Addresses>;
  /** SIGTERM, and waits for the orderly end. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

export function spawnService(name: ServiceName, env: Environment): SpawnedService {
  const child = spawn(process.execPath, ["--import", telemetry, `${services}/${name}/src/main.ts`], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  return {
    started: untilStarted(name, child),
    stop: () => end(child, "SIGTERM"),
    kill: () => end(child, "SIGKILL"),
  };
}

function untilStarted(name: ServiceName, child: ChildProcess): Promise<Addresses> {
  const { promise, resolve, reject } = Promise.withResolvers<Addresses>();
  const lines: string[] = [];
  child.once("exit", (code) =>
    reject(new Error(`${name} ended with ${code}:\n${lines.slice(-20).join("\n")}`)),
  );
  if (!child.stdout) throw new Error("stdout is piped");
  createInterface({ input: child.stdout }).on("line", (line) => {
    lines.push(line);
    const { msg, addresses } = parse(line);
    if (msg === "service started" && addresses) resolve(addresses);
  });
  return promise;
}

function parse(line: string): { readonly msg?: string; readonly addresses?: Addresses } {
  try {
    return JSON.parse(line) as object;
  } catch {
    return {};
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}
