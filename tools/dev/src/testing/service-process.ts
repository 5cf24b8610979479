import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Addresses } from "@gradients/runtime";
import type { Environment, ServiceName } from "../service-environments.ts";

const services = fileURLToPath(new URL("../../../../services", import.meta.url));
const telemetry = import.meta.resolve("@gradients/runtime/telemetry");

/** A service as `npm start` runs it: a process of its own, with telemetry as its variables say. */
export interface ServiceProcess extends AsyncDisposable {
  readonly name: ServiceName;
  readonly addresses: Addresses;
}

/** Resolves once the service says that it has started. Disposing stops it in good order. */
export async function startServiceProcess(name: ServiceName, env: Environment): Promise<ServiceProcess> {
  const program = `${services}/${name}/src/main.ts`;
  const child = spawn(process.execPath, ["--import", telemetry, program], {
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const addresses = await untilStarted(name, child);
  return { name, addresses, [Symbol.asyncDispose]: () => stop(child) };
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

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}
