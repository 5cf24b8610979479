import { chmod, mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { addresses, loadArchives, up } from "@gradients/cluster";
import { applyObjects, helm, kubectl } from "@gradients/cluster/testing";
import { foreignCluster } from "@gradients/cluster/testing/foreign-cluster";
import { loadConfig, registerModel } from "@gradients/gateway";
import { buildImage } from "@gradients/images";
import { paths } from "../../../setup/paths.mjs";
import { newApiKey } from "../api-key.ts";
import { baseModel } from "../network.ts";
import { createServerControl, type ServerControl } from "../server-control.ts";
import { type ServerFolders, type Servers, startServers } from "../servers.ts";
import { demandEmpty, loadInto } from "./foreign.ts";
import { type Forward, forward } from "./forward.ts";
import { forwardPort } from "./forward-port.ts";
import { installationValues, type Settings, secretNames } from "./installation-values.ts";
import { SERVICES_NAMESPACE, TRAINERS_NAMESPACE } from "./namespaces.ts";
import { offerTinyModel } from "./offer-tiny-model.ts";
import { chartFolder, type Release } from "./releases.ts";

export const RELEASE = "gradients";

type ServerName = "postgres" | "nats" | "s3" | "chain";

/** The product as a platform team has it: installed by Helm in a real Kubernetes, on Postgres, NATS, S3 and a chain of the platform's own. */
export interface Installation extends AsyncDisposable {
  readonly servers: Servers;
  readonly control: ServerControl;
  /** The servers as pods reach them. */
  readonly forwards: Readonly<Record<ServerName, Forward>>;
  readonly apiKey: string;
  /** Models that are offered, by id: the real small one, and one so small that a race takes seconds. */
  readonly models: { readonly real: string; readonly tiny: string };
  /** host:port of a service's gRPC door. */
  door: typeof door;
  /** To another release with the same values; its image must be in the cluster. */
  upgrade(release: Release): Promise<void>;
  /** To what an earlier revision was. */
  rollback(revision: number): Promise<void>;
  /** `helm test`; resolves with the log of its pod. */
  test(): Promise<string>;
}

interface InstallOptions {
  /** This tree's if absent. */
  readonly release?: Release;
  readonly settings?: Settings;
  /** With what contestants that mean harm need. */
  readonly hostile?: boolean;
}

/** Takes minutes where images and programs are not built yet. */
export async function installGradients(options: InstallOptions = {}): Promise<Installation> {
  const { release, settings, hostile = false } = options;
  await using cleanup = new AsyncDisposableStack();
  const foreign = foreignCluster();
  const [{ first, trainer, attacker }] = await Promise.all([
    build(release, hostile),
    foreign ? demandEmpty() : up({ profile: "node" }),
  ]);
  const archives = [first.services, trainer, attacker].flatMap((image) => image?.path ?? []);
  await (foreign ? loadInto(foreign, archives) : loadArchives(archives));
  const host = foreign?.host ?? addresses.host;
  const folders = await serverFolders(cleanup);
  const servers = cleanup.use(await startServers(folders));
  const control = cleanup.use(createServerControl(servers, folders));
  const ports = portsOf(servers);
  const forwards = {} as Record<ServerName, Forward>;
  for (const name of Object.keys(ports) as ServerName[])
    forwards[name] = cleanup.use(await forward(host, ports[name]));
  const apiKey = newApiKey();
  cleanup.defer(removeAll);
  await applyObjects(namespace(SERVICES_NAMESPACE), ...secrets(servers, host, apiKey));
  const facts = { host, ports, chain: servers.chain, attacker, settings };
  const upgrade = ({ chart, services }: Release) =>
    install(chart, installationValues({ ...facts, images: { services, trainer } }));
  await upgrade(first);
  const models = await offerModels(servers);
  const owned = cleanup.move();
  return {
    servers,
    control,
    forwards,
    apiKey,
    models,
    door: async (service) => {
      if (!foreign) return door(service);
      const target = `deployment/${RELEASE}-${service}`;
      return owned.use(await forwardPort(target, grpcPorts[service])).address;
    },
    upgrade,
    rollback: async (revision) =>
      void (await helm(["rollback", RELEASE, String(revision), ...releaseOptions])),
    test: testRelease,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function build(release: Release | undefined, hostile: boolean) {
  const first = release ?? { chart: chartFolder, services: await buildImage("services", "cpu") };
  const trainer = await buildImage("trainer", "cpu");
  const attacker = hostile ? await buildImage("attacker", "cpu") : undefined;
  return { first, trainer, attacker };
}

/** On disk, so that a server can be killed and come back. */
async function serverFolders(cleanup: AsyncDisposableStack): Promise<ServerFolders> {
  const folder = await mkdtemp(join(paths.scratch, "gradients-servers-"));
  cleanup.defer(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o711); // PostgreSQL's own user passes through to its data
  const made = { postgres: join(folder, "postgres"), nats: join(folder, "nats"), s3: join(folder, "s3") };
  for (const path of Object.values(made)) await mkdir(path);
  return made;
}

function portsOf({ postgres, nats, s3, chain }: Servers): Record<ServerName, number> {
  const portOf = (url: string) => Number(new URL(url).port);
  return {
    postgres: postgres.port,
    nats: portOf(nats.url),
    s3: portOf(s3.endpoint),
    chain: portOf(chain.url),
  };
}

const namespace = (name: string) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });

function secrets({ postgres, s3, chain }: Servers, host: string, apiKey: string): readonly object[] {
  const secret = (name: string, stringData: Readonly<Record<string, string>>) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: SERVICES_NAMESPACE },
    stringData,
  });
  const databases = ["gateway", "scheduler", "scorer", "chain-bridge"].map((service) =>
    secret(secretNames.database(service), { url: roleUrl(postgres.url, service, host) }),
  );
  return [
    ...databases,
    secret(secretNames.admin, { url: postgres.url.replace("127.0.0.1", host) }),
    secret(secretNames.objects, {
      "access-key-id": s3.accessKeyId,
      "secret-access-key": s3.secretAccessKey,
    }),
    secret(secretNames.apiKey, { "api-key": apiKey }),
    secret(secretNames.hotkey, { hotkey: chain.accounts.validator.hotkeyUri }),
  ];
}

/** Of the service's own role, whose password is the server's: this test's alone. */
function roleUrl(adminUrl: string, service: string, host: string): string {
  const url = new URL(adminUrl);
  url.username = `gradients_${service.replace("-", "_")}`;
  url.hostname = host;
  return url.href;
}

export const releaseOptions = ["--namespace", SERVICES_NAMESPACE, "--wait", "--timeout", "10m"];

async function install(chart: string, values: object): Promise<void> {
  await helm(
    ["upgrade", "--install", RELEASE, chart, "--values", "-", ...releaseOptions],
    JSON.stringify(values),
  );
}

/** As an operator does, by the gateway's own verb. */
async function offerModels({ postgres, nats, s3 }: Servers): Promise<Installation["models"]> {
  const env = {
    GATEWAY_DATABASE_URL: roleUrl(postgres.url, "gateway", "127.0.0.1"),
    GATEWAY_NATS_SERVERS: nats.url,
    GATEWAY_SCHEDULER_TARGET: "127.0.0.1:1",
    GATEWAY_OBJECTS_ENDPOINT: s3.endpoint,
    GATEWAY_OBJECTS_ACCESS_KEY_ID: s3.accessKeyId,
    GATEWAY_OBJECTS_SECRET_ACCESS_KEY: s3.secretAccessKey,
  };
  const tiny = "tiny";
  await registerModel(loadConfig({ env, argv: [] }), baseModel);
  const scratch = await mkdtemp(join(paths.scratch, "gradients-installation-"));
  await offerTinyModel(env, join(scratch, "model"), tiny);
  await rm(scratch, { recursive: true });
  return { real: `models/${baseModel.id}`, tiny: `models/${tiny}` };
}

/** `helm test`; resolves with the log of its pod. */
export async function testRelease(): Promise<string> {
  const output = await helm(["test", RELEASE, "--namespace", SERVICES_NAMESPACE, "--logs"]);
  return output.slice(output.indexOf("POD LOGS"));
}

const grpcPorts = { gateway: 50_051, scheduler: 50_052, "chain-bridge": 50_054 } as const;

/** The gateway by its Service; the others, whose Services are headless, by a pod that runs. */
export async function door(service: keyof typeof grpcPorts): Promise<string> {
  const port = grpcPorts[service];
  const find = ["get", "--namespace", SERVICES_NAMESPACE, "--output"];
  if (service === "gateway")
    return `${await kubectl(...find, "jsonpath={.spec.clusterIP}", "service", `${RELEASE}-gateway`)}:${port}`;
  const component = ["--selector", `app.kubernetes.io/component=${service}`];
  const running = ["--field-selector", "status.phase=Running"];
  return `${await kubectl(...find, "jsonpath={.items[0].status.podIP}", "pods", ...component, ...running)}:${port}`;
}

export async function removeAll(): Promise<void> {
  await helm(["uninstall", RELEASE, "--namespace", SERVICES_NAMESPACE, "--ignore-not-found", "--wait"]);
  const names = [SERVICES_NAMESPACE, TRAINERS_NAMESPACE];
  await kubectl("delete", "namespace", ...names, "--ignore-not-found", "--timeout=2m");
}
