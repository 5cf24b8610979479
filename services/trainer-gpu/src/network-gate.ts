import { getServers } from "node:dns";
import { isIP } from "node:net";
import { untilClosed } from "./app/closed-network.ts";

/**
 * Runs in a pod before anything else. A network that enforces policies takes a moment to close a pod that is new, and an engine would use it. Ends once the
 * network is closed; where nobody closes it, it does not end, and no engine starts.
 */
const apiServer = {
  host: process.env["KUBERNETES_SERVICE_HOST"] ?? "",
  port: Number(process.env["KUBERNETES_SERVICE_PORT"] ?? 443),
};
const resolvers = getServers()
  .filter((server) => isIP(server) !== 0)
  .map((host) => ({ host, port: 53 }));

await untilClosed(apiServer, resolvers);
