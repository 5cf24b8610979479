import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePorts, type GuardedChild, spawnGuarded, untilReady } from "@gradients/testkit";
import { parse, stringify } from "yaml";
import { goProblem } from "../binaries/build.ts";
import { binaryPath } from "../binaries/catalogue.ts";
import { missingBinaries } from "../binaries/missing.ts";
import { openAuthority } from "../control-plane/authority.ts";
import { apiClient } from "../control-plane/client.ts";
import { refusalOf } from "../node/isolation.ts";
import type { KueueModule } from "./module.ts";

const NAMESPACE = "kueue-system";
/** Where it looks for the certificate of its metrics, whatever its settings say. */
const METRICS_CERTS = "/etc/kueue/metrics/certs";
/** In a view of its own, so that nothing is written where this machine keeps its settings. */
const RUN_WITH_CERTS = `mount -t tmpfs none /etc && mkdir -p ${METRICS_CERTS} && cp "$1"/tls.* ${METRICS_CERTS} && shift && exec "$@"`;
const PLACE = ["--user", "--map-root-user", "--mount"];
const READY_MS = 120_000;

/** Why it cannot be started here, as one sentence; undefined if it can. */
export function kueueProblem(): string | undefined {
  const refusal = refusalOf("unshare", ...PLACE, "true");
  return (
    missingBinaries("kueue") ??
    goProblem() ??
    (refusal && `Kueue's manager needs a namespace of its own, as \`unshare\` makes it: ${refusal}`)
  );
}

/**
 * Kueue's manager with the settings that it ships, 300 calls a second and 500 at once among them, for an API server that knows its definitions. Without web
 * hooks, so what they would fill in and refuse is not, and without on-demand visibility. Its files go to `folder`. Ends with this process.
 */
export async function startKueue(
  kubeconfig: string,
  folder: string,
  source: KueueModule,
): Promise<GuardedChild> {
  const api = await apiClient(kubeconfig);
  await api.call("POST", "/api/v1/namespaces", { metadata: { name: NAMESPACE } });
  const certs = join(folder, "certs");
  await mkdir(certs, { recursive: true });
  const authority = await openAuthority(certs);
  await authority.serverFiles("tls", "kueue", ["localhost"]);
  const [webhookPort = 0, healthPort = 0] = await freePorts(2);
  const config = join(folder, "manager.yaml");
  await writeFile(config, stringify(await settings(source, { certs, webhookPort, healthPort })));
  const manager = [binaryPath("kueue"), "--kubeconfig", kubeconfig, "--config", config];
  const child = spawnGuarded({
    command: "unshare",
    args: [...PLACE, "sh", "-c", RUN_WITH_CERTS, "sh", certs, ...manager],
    logFile: join(folder, "kueue.log"),
    stopSignal: "TERM",
    stopTimeoutSeconds: 10,
    removeAtEnd: [],
  });
  const attempt = async () => {
    const { ok, status } = await fetch(`http://127.0.0.1:${healthPort}/readyz`);
    if (!ok) throw new Error(`it answers ${status}`);
  };
  await untilReady({ server: "kueue", child, timeoutMs: READY_MS, attempt });
  return child;
}

interface Own {
  readonly certs: string;
  readonly webhookPort: number;
  readonly healthPort: number;
}

async function settings({ folder }: KueueModule, { certs, webhookPort, healthPort }: Own): Promise<object> {
  const shipped = join(folder, "config/components/manager/controller_manager_config.yaml");
  const own = parse(await readFile(shipped, "utf8")) as { readonly leaderElection: object };
  return {
    ...own,
    namespace: NAMESPACE,
    leaderElection: { ...own.leaderElection, resourceNamespace: NAMESPACE },
    health: { healthProbeBindAddress: `127.0.0.1:${healthPort}` },
    metrics: { bindAddress: "0" },
    webhook: { host: "127.0.0.1", port: webhookPort, certDir: certs },
    internalCertManagement: { enable: false },
    featureGates: { VisibilityOnDemand: false },
  };
}
