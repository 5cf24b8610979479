import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createChainBridge, loadConfig as loadChainBridge } from "@gradients/chain-bridge";
import { createGateway, loadConfig as loadGateway, registerModel } from "@gradients/gateway";
import type { Addresses, Service } from "@gradients/runtime";
import { createScheduler, loadConfig as loadScheduler } from "@gradients/scheduler";
import { createScorer, loadConfig as loadScorer } from "@gradients/scorer";
import { paths } from "../../setup/paths.mjs";
import { newApiKey } from "./api-key.ts";
import { type Servers, startServers } from "./servers.ts";
import { type Environment, type ServiceName, serviceEnvironments } from "./service-environments.ts";

export interface NetworkOptions {
  readonly persistent?: boolean;
  readonly logLevel?: "debug" | "info" | "warn" | "error";
  readonly ports?: { readonly http: number; readonly grpc: number };
  /** Base model that is offered: a Hugging Face folder. */
  readonly model?: {
    readonly folder: string;
    readonly id: string;
    readonly displayName: string;
    readonly license: string;
  };
  /** Told about each part as soon as it is up. */
  readonly onUp?: (part: string, address: string) => void;
}

/** The whole product in one process, over real loopback gRPC, NATS, Postgres and S3. */
export interface Network extends AsyncDisposable {
  readonly servers: Servers;
  readonly addresses: Readonly<Record<ServiceName, Addresses>>;
  /** API key of the bootstrap project. */
  readonly apiKey: string;
  /** Folder of the base model that is offered. */
  readonly modelFolder: string;
  /** Environment that a service was started with, for a process of its own beside this network. */
  readonly environments: Readonly<Record<ServiceName, Environment>>;
  /** Rejects when a service dies. */
  readonly died: Promise<never>;
}

/** What set-up has brought. */
export const baseModel = {
  folder: paths.model,
  id: "smollm2-135m-instruct",
  displayName: "SmolLM2 135M Instruct",
  license: "Apache-2.0",
};

/** Starts servers and services in the order in which they need each other. Disposing stops them in reverse order and leaves no process. */
export async function startNetwork(options: NetworkOptions = {}): Promise<Network> {
  await using cleanup = new AsyncDisposableStack();
  const servers = cleanup.use(await startServers(options.persistent ? paths.dev : undefined));
  announceServers(servers, options);
  const scratchDir = await mkdtemp(join(paths.scratch, "gradients-dev-"));
  cleanup.defer(() => rm(scratchDir, { recursive: true, force: true }));
  const apiKey = options.persistent ? await keptApiKey() : newApiKey();
  const environment = await serviceEnvironments({
    servers,
    scratchDir,
    bootstrapKey: apiKey,
    logLevel: options.logLevel ?? "warn",
    ports: options.ports ?? { http: 0, grpc: 0 },
  });
  const deaths = Promise.withResolvers<never>();
  deaths.promise.catch(() => {}); // whoever waits for it sees it
  const environments = {} as Record<ServiceName, Environment>;
  const addresses = {} as Record<ServiceName, Addresses>;
  const start = async (name: ServiceName, create: (source: Source) => Service | Promise<Service>) => {
    environments[name] = environment(name, addresses.scheduler?.["grpc"] ?? "");
    const service = await create({ env: environments[name], argv: [] });
    addresses[name] = await service.start();
    const stop = new AbortController();
    const run = service.run(stop.signal);
    run.catch((cause: unknown) => deaths.reject(new Error(`${name} died`, { cause })));
    cleanup.defer(async () => {
      stop.abort();
      await run.catch(() => {});
    });
    options.onUp?.(name, Object.values(addresses[name]).join(", "));
  };
  await start("scheduler", (source) => createScheduler(loadScheduler(source)));
  await start("scorer", (source) => createScorer(loadScorer(source)));
  await start("chain-bridge", (source) => createChainBridge(loadChainBridge(source)));
  await start("gateway", (source) => createGateway(loadGateway(source)));
  const model = options.model ?? baseModel;
  await registerModel(loadGateway({ env: environments.gateway, argv: [] }), model);
  options.onUp?.("model", `${model.displayName}, ${model.folder}`);
  const owned = cleanup.move();
  return {
    servers,
    addresses,
    apiKey,
    environments,
    modelFolder: model.folder,
    died: deaths.promise,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function announceServers({ postgres, nats, s3, chain }: Servers, { onUp }: NetworkOptions): void {
  onUp?.("PostgreSQL", `127.0.0.1:${postgres.port}`);
  onUp?.("NATS", nats.url);
  onUp?.("S3 (SeaweedFS)", s3.endpoint);
  onUp?.("local chain", chain.url);
}

/** The key of the last time, so that its project with its jobs is found again. */
async function keptApiKey(): Promise<string> {
  const file = join(paths.cache, "dev", "api-key");
  const known = await readFile(file, "utf8").catch(() => undefined);
  if (known !== undefined) return known;
  const key = newApiKey();
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, key, { mode: 0o600 });
  return key;
}

interface Source {
  readonly env: Environment;
  readonly argv: readonly string[];
}
