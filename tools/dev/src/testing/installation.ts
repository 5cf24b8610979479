import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { addresses, loadArchives, up } from "@gradients/cluster";
import { applyObjects, helm, kubectl } from "@gradients/cluster/testing";
import { loadConfig, registerModel } from "@gradients/gateway";
import { type BuiltImage, buildImage } from "@gradients/images";
import { paths, repositoryRoot } from "../../../setup/paths.mjs";
import { newApiKey } from "../api-key.ts";
import { baseModel } from "../network.ts";
import { type Servers, startServers } from "../servers.ts";
import { type Forward, forward } from "./forward.ts";
import { installationValues, secretNames } from "./installation-values.ts";
import { offerTinyModel } from "./offer-tiny-model.ts";

const RELEASE = "gradients";
export const SERVICES_NAMESPACE = "gradients";
export const TRAINERS_NAMESPACE = "gradients-trainers";

type ServerName = "postgres" | "nats" | "s3" | "chain";

/** The product as a platform team has it: installed by Helm in a real Kubernetes, on Postgres, NATS, S3 and a chain of the platform's own. */
export interface Installation extends AsyncDisposable {
  readonly servers: Servers;
  /** The servers as pods reach them. */
  readonly forwards: Readonly<Record<ServerName, Forward>>;
  readonly apiKey: string;
  /** Models that are offered, by id: the real small one, and one so small that a race takes seconds. */
  readonly models: { readonly real: string; readonly tiny: string };
  /** host:port of a service's gRPC door. */
  door(service: "gateway" | "chain-bridge"): Promise<string>;
}

/** Takes minutes where images and programs are not built yet. */
export async function installGradients(): Promise<Installation> {
  await using cleanup = new AsyncDisposableStack();
  await up({ profile: "node" });
  const images = {
    services: await buildImage("services", "cpu"),
    trainer: await buildImage("trainer", "cpu"),
  };
  await loadArchives([images.services.path, images.trainer.path]);
  const servers = cleanup.use(await startServers());
  const ports = portsOf(servers);
  const forwards = {} as Record<ServerName, Forward>;
  for (const name of Object.keys(ports) as ServerName[])
    forwards[name] = cleanup.use(await forward(addresses.host, ports[name]));
  const apiKey = newApiKey();
  cleanup.defer(removeAll);
  await applyObjects(namespace(SERVICES_NAMESPACE), ...secrets(servers, apiKey));
  await install(servers, ports, images);
  const models = await offerModels(servers);
  const owned = cleanup.move();
  return { servers, forwards, apiKey, models, door, [Symbol.asyncDispose]: () => owned.disposeAsync() };
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

function secrets({ postgres, s3, chain }: Servers, apiKey: string): readonly object[] {
  const secret = (name: string, stringData: Readonly<Record<string, string>>) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace: SERVICES_NAMESPACE },
    stringData,
  });
  const databases = ["gateway", "scheduler", "scorer", "chain-bridge"].map((service) =>
    secret(secretNames.database(service), { url: roleUrl(postgres.url, service, addresses.host) }),
  );
  return [
    ...databases,
    secret(secretNames.admin, { url: postgres.url.replace("127.0.0.1", addresses.host) }),
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

async function install(
  { chain }: Servers,
  ports: Record<ServerName, number>,
  images: Readonly<Record<"services" | "trainer", BuiltImage>>,
): Promise<void> {
  const values = installationValues({ host: addresses.host, ports, chain, images });
  const chart = join(repositoryRoot, "deploy/helm/gradients");
  const flags = ["--namespace", SERVICES_NAMESPACE, "--values", "-", "--wait", "--timeout", "5m"];
  await helm(["upgrade", "--install", RELEASE, chart, ...flags], JSON.stringify(values));
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

/** The gateway by its Service; the bridge, whose Service is headless, by its pod. */
async function door(service: "gateway" | "chain-bridge"): Promise<string> {
  const find = ["get", "--namespace", SERVICES_NAMESPACE, "--output"];
  if (service === "gateway")
    return `${await kubectl(...find, "jsonpath={.spec.clusterIP}", "service", `${RELEASE}-gateway`)}:50051`;
  const pods = ["pods", "--selector", `app.kubernetes.io/component=${service}`];
  return `${await kubectl(...find, "jsonpath={.items[0].status.podIP}", ...pods)}:50054`;
}

async function removeAll(): Promise<void> {
  await helm(["uninstall", RELEASE, "--namespace", SERVICES_NAMESPACE, "--ignore-not-found", "--wait"]);
  const names = [SERVICES_NAMESPACE, TRAINERS_NAMESPACE];
  await kubectl("delete", "namespace", ...names, "--ignore-not-found", "--timeout=2m");
}
