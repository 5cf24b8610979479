import { isIP } from "node:net";

export interface Target {
  readonly host: string;
  readonly port: number;
}

/** What a pod can try, to learn whether its network is closed. */
export interface PodNetwork {
  readonly apiServer: Target;
  /** Outside of the pod. */
  readonly resolvers: readonly Target[];
  /** The policies leave the resolvers open, or cannot close them. */
  readonly isDnsOpen: boolean;
}

/** `servers` are the resolvers as the pod has them, `words` those of the gate's command. Throws when there is nothing to try: that is no closed network. */
export function podNetwork(
  env: Readonly<Record<string, string | undefined>>,
  servers: readonly string[],
  words: readonly string[],
): PodNetwork {
  const unknown = words.find((word) => word !== OPEN_DNS);
  if (unknown !== undefined) throw new Error(`The gate takes no word but ${OPEN_DNS}, not "${unknown}"`);
  const resolvers = servers.filter(isOutside).map((host) => ({ host, port: 53 }));
  return { apiServer: apiServerOf(env), resolvers, isDnsOpen: words.includes(OPEN_DNS) };
}

const OPEN_DNS = "--open-dns";

function apiServerOf(env: Readonly<Record<string, string | undefined>>): Target {
  const host = env["KUBERNETES_SERVICE_HOST"] ?? "";
  const port = Number(env["KUBERNETES_SERVICE_PORT"] ?? 443);
  if (isIP(host) === 0) throw new Error(`KUBERNETES_SERVICE_HOST is no IP address: "${host}"`);
  if (!(Number.isInteger(port) && port > 0 && port < 65_536))
    throw new Error(`KUBERNETES_SERVICE_PORT is no port: "${env["KUBERNETES_SERVICE_PORT"]}"`);
  return { host, port };
}

/** In the pod itself nobody listens, which tells nothing of its network. */
function isOutside(server: string): boolean {
  return isIP(server) !== 0 && !server.startsWith("127.") && server !== "::1";
}
