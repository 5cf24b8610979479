import { existsSync } from "node:fs";
import { SetupProblem } from "../../../setup/problem.mjs";
import { run } from "../run.ts";

/** Programs that a node takes from its distribution, by Debian's package. */
const packages = {
  containerd: ["containerd", "ctr"],
  runc: ["runc"],
  "containernetworking-plugins": ["bridge"],
  nftables: ["nft"],
  conntrack: ["conntrack"],
  ipset: ["ipset"],
  iptables: ["iptables"],
  iproute2: ["ip"],
  "busybox-static": ["busybox"],
} as const;

const folders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
export const cniFolders = ["/usr/lib/cni", "/opt/cni/bin"];

/** Installs what is missing where that is possible, else says what to install. */
export async function installPackages(): Promise<void> {
  const missing = missingPackages();
  if (missing.length === 0) return;
  if (!existsSync("/usr/bin/apt-get"))
    throw new SetupProblem(
      `The cluster's node needs ${missing.join(", ")} (names of Debian's packages): install them and run the same command again.`,
    );
  process.stderr.write(`Installing ${missing.join(", ")} from Debian.\n`);
  const env = ["env", "DEBIAN_FRONTEND=noninteractive"];
  await run([...env, "apt-get", "update"]);
  await run([...env, "apt-get", "install", "-y", "--no-install-recommends", ...missing]);
}

export function missingPackages(): readonly string[] {
  return Object.entries(packages)
    .filter(([, programs]) => programs.some((program) => findProgram(program) === undefined))
    .map(([name]) => name);
}

/** Its path, whatever PATH says: an ordinary user's leaves out sbin. */
function findProgram(name: string): string | undefined {
  return [...folders, ...cniFolders].map((folder) => `${folder}/${name}`).find(existsSync);
}

export function programPath(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new SetupProblem(`${name} is not installed.`);
  return path;
}
