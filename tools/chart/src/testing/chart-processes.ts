import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort } from "@gradients/testkit";
import { paths } from "../../../setup/paths.mjs";
import { find, type KubernetesObject } from "./render.ts";

type Environment = Record<string, string>;

export interface ChartProcesses extends AsyncDisposable {
  /** Of the container's ports, on this machine. */
  port(service: string, name: "grpc" | "http" | "metrics"): number;
  /** Runs the container's program with another verb; resolves with the exit code. */
  runVerb(service: string, verb: string): Promise<number>;
  start(service: string): void;
  /** SIGTERM, as the kubelet sends it; resolves with the exit code and the seconds it took. */
  stop(service: string): Promise<{ readonly code: number | null; readonly seconds: number }>;
}

export interface ChartProcessesOptions {
  readonly objects: readonly KubernetesObject[];
  readonly services: readonly string[];
  /** Path inside a pod to what lies there. */
  readonly secrets: Readonly<Record<string, string>>;
  /** What Secrets, Services and the cluster would give. */
  readonly given: Readonly<Environment>;
}

/** The containers' own command lines and variables as processes of this machine: ports, folders and secrets are moved, nothing else is. */
export async function prepareProcesses(options: ChartProcessesOptions): Promise<ChartProcesses> {
  const folder = await mkdtemp(join(paths.scratch, "gradients-chart-"));
  await writeSecrets(folder, options.secrets);
  const children = new Map<string, ChildProcess>();
  const ports = new Map<string, number>();
  for (const service of options.services)
    for (const name of ["grpc", "http", "relay", "metrics"])
      ports.set(`${service} ${name}`, await freePort());
  const port = (service: string, name: string) => ports.get(`${service} ${name}`) ?? 0;
  const launch = (service: string, container: KubernetesObject["spec"], args: readonly string[]) => {
    const [, ...command] = container.command as readonly string[];
    const env = { ...movedEnvironment(container, folder, options.given), ...portsOf(service, port) };
    const stdio = ["ignore", "ignore", "inherit"] as const;
    return spawn(process.execPath, [...command, ...args], {
      cwd: paths.repositoryRoot,
      env,
      stdio: [...stdio],
    });
  };
  const podOf = (service: string) =>
    find(options.objects, "Deployment", `gradients-${service}`).spec.template
      .spec as KubernetesObject["spec"];
  const stop = async (service: string) => {
    const child = children.get(service);
    const startedAt = performance.now();
    if (child && child.exitCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    }
    return { code: child?.exitCode ?? null, seconds: (performance.now() - startedAt) / 1000 };
  };
  return {
    port,
    runVerb: async (service, verb) => {
      const container =
        verb === "migrate"
          ? options.objects
              .find(({ kind }) => kind === "Job")
              ?.spec.template.spec.containers.find(({ name }: { name: string }) => name === service)
          : podOf(service).initContainers[0];
      const [code] = await once(launch(service, container, [verb]), "exit");
      return code as number;
    },
    start: (service) => void children.set(service, launch(service, podOf(service).containers[0], [])),
    stop,
    [Symbol.asyncDispose]: async () => {
      for (const child of children.values()) child.kill("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function writeSecrets(folder: string, secrets: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(secrets)) {
    await mkdir(join(folder, path, ".."), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

function movedEnvironment(
  container: KubernetesObject["spec"],
  folder: string,
  given: Readonly<Environment>,
): Environment {
  const variables = container.env as readonly { readonly name: string; readonly value?: string }[];
  const moved = variables.map(
    ({ name, value }) => [name, given[name] ?? moveText(value ?? "", folder)] as const,
  );
  return { PATH: process.env["PATH"] ?? "", ...Object.fromEntries(moved), ...given };
}

function moveText(text: string, folder: string): string {
  return text
    .replace(/^\/(run\/secrets|work)/, `${folder}/$1`)
    .replace(/^\/app\//, `${paths.repositoryRoot}/`)
    .replaceAll(/\$\(\w+_SERVICE_HOST\)/g, "127.0.0.1");
}

function portsOf(service: string, port: (service: string, name: string) => number): Environment {
  const prefix = service.toUpperCase().replaceAll("-", "_");
  return {
    [`${prefix}_GRPC_PORT`]: String(port(service, "grpc")),
    [`${prefix}_HTTP_PORT`]: String(port(service, "http")),
    [`${prefix}_RELAY_PORT`]: String(port(service, "relay")),
    GATEWAY_SCHEDULER_TARGET: `dns:///127.0.0.1:${port("scheduler", "grpc")}`,
    OTEL_EXPORTER_PROMETHEUS_PORT: String(port(service, "metrics")),
  };
}
