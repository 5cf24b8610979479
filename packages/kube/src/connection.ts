import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { parse } from "yaml";

/** How to reach one API server, and as whom. */
export interface KubeConnection {
  /** http(s)://host:port, without a path. */
  readonly server: string;
  readonly tls: KubeTls;
  /** The bearer token, read anew from its file when that is older than a minute; undefined where a client certificate speaks. */
  readonly token: () => string | undefined;
  /** The namespace that the configuration names. */
  readonly namespace: string;
}

interface KubeTls {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";
const TOKEN_AGE_MS = 60_000;

/** With a path the kubeconfig there, without one the service account of the pod that we run in. Throws a sentence that says what is missing. */
export function connectionFrom(kubeconfig: string | undefined): KubeConnection {
  return kubeconfig === undefined ? inClusterConnection(process.env) : readKubeconfig(kubeconfig);
}

export function inClusterConnection(
  env: Readonly<Record<string, string | undefined>>,
  folder = SERVICE_ACCOUNT,
): KubeConnection {
  const host = env["KUBERNETES_SERVICE_HOST"];
  const port = env["KUBERNETES_SERVICE_PORT"] ?? "443";
  if (!host) throw new Error("No kubeconfig is set and this is no pod: KUBERNETES_SERVICE_HOST is missing");
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    tls: { ca: readFileSync(join(folder, "ca.crt")) },
    token: tokenFile(join(folder, "token")),
    namespace: readFileSync(join(folder, "namespace"), "utf8").trim(),
  };
}

function readKubeconfig(path: string): KubeConnection {
  const file = path.startsWith("~/") ? join(homedir(), path.slice(2)) : path;
  const config = parse(readFileSync(file, "utf8")) as Kubeconfig;
  const context = find(config.contexts, config["current-context"], "context", file).context;
  const cluster = find(config.clusters, context.cluster, "cluster", file).cluster;
  const user = find(config.users, context.user, "user", file).user ?? {};
  if (user.exec || user["auth-provider"])
    throw new Error(
      `The user "${context.user}" of ${file} logs in by a plugin, which is not supported here: give the service a token or a client certificate`,
    );
  const beside = (name: string) => (isAbsolute(name) ? name : join(dirname(file), name));
  const read = (data: string | undefined, name: string | undefined) =>
    data !== undefined ? Buffer.from(data, "base64") : name && readFileSync(beside(name));
  const url = new URL(cluster.server);
  const parts = {
    ca: read(cluster["certificate-authority-data"], cluster["certificate-authority"]),
    cert: read(user["client-certificate-data"], user["client-certificate"]),
    key: read(user["client-key-data"], user["client-key"]),
    servername: cluster["tls-server-name"],
    rejectUnauthorized: cluster["insecure-skip-tls-verify"] ? false : undefined,
  };
  return {
    server: url.origin,
    tls: Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined && value !== "")),
    token: user.tokenFile ? tokenFile(beside(user.tokenFile)) : () => user.token,
    namespace: context.namespace ?? "default",
  };
}

/** Tokens of service accounts are replaced in place long before they expire. */
function tokenFile(path: string): () => string {
  let token = "";
  let readAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (performance.now() - readAt > TOKEN_AGE_MS) {
      token = readFileSync(path, "utf8").trim();
      readAt = performance.now();
    }
    return token;
  };
}

function find<T extends { readonly name: string }>(
  entries: readonly T[] | undefined,
  name: string | undefined,
  what: string,
  file: string,
): T {
  const entry = entries?.find((one) => one.name === name);
  if (!entry) throw new Error(`${file} has no ${what} "${name ?? ""}"`);
  return entry;
}

interface Kubeconfig {
  readonly "current-context"?: string;
  readonly contexts?: readonly {
    readonly name: string;
    readonly context: { readonly cluster: string; readonly user: string; readonly namespace?: string };
  }[];
  readonly clusters?: readonly { readonly name: string; readonly cluster: ClusterEntry }[];
  readonly users?: readonly { readonly name: string; readonly user?: UserEntry }[];
}

interface ClusterEntry {
  readonly server: string;
  readonly "certificate-authority"?: string;
  readonly "certificate-authority-data"?: string;
  readonly "insecure-skip-tls-verify"?: boolean;
  readonly "tls-server-name"?: string;
}

interface UserEntry {
  readonly token?: string;
  readonly tokenFile?: string;
  readonly "client-certificate"?: string;
  readonly "client-certificate-data"?: string;
  readonly "client-key"?: string;
  readonly "client-key-data"?: string;
  readonly exec?: unknown;
  readonly "auth-provider"?: unknown;
}
