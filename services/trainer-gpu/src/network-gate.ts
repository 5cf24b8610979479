import { getServers } from "node:dns";
import { untilClosed } from "./app/closed-network.ts";
import { podNetwork } from "./app/pod-network.ts";

/**
 * Runs in a pod before anything else. A network that enforces policies takes a moment to close a pod that is new, and an engine would use it. Ends well once
 * the network is closed; where nobody closes it, it does not end, and no engine starts.
 */
await untilClosed(podNetwork(process.env, getServers(), process.argv.slice(2)));
