import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { paths } from "../../../setup/paths.mjs";
import { runFolder } from "../layout.ts";
import { cgroupName } from "../node/cgroups.ts";
import { programPath } from "../node/packages.ts";
import { run } from "../run.ts";

/** All that a node's servers could leave behind on a machine, in lines that two snapshots are compared by. */
export async function snapshotMachine() {
  return {
    processes: await clusterProcesses(),
    mounts: (await lines("/proc/self/mountinfo"))
      .map((line) => line.split(" ")[4] ?? "")
      .filter(isNotScratch),
    interfaces: await readdir("/sys/class/net"),
    routes: (await run([programPath("ip"), "route", "show", "table", "all"])).split("\n"),
    firewall: await firewall(),
    cgroups: await cgroups(),
    settings: await Promise.all(settings.map(async (name) => `${name} ${await lines(`/proc/sys/${name}`)}`)),
    files: [runFolder, ...fixedPlaces].filter(existsSync),
  };
}

/** A cluster mounts nothing there; builds of images, which may go on beside it, do. */
const isNotScratch = (path: string) => !path.startsWith(`${paths.scratch}/`);

const settings = [
  "vm/overcommit_memory",
  "kernel/panic",
  "kernel/panic_on_oops",
  "kernel/keys/root_maxkeys",
  "net/ipv4/ip_forward",
  "net/netfilter/nf_conntrack_max",
];

/** Where these programs write unless they are told otherwise. */
const fixedPlaces = [
  "/var/lib/cni",
  "/var/lib/kubelet",
  "/var/lib/containerd",
  "/var/log/pods",
  "/var/log/containers",
  "/run/containerd",
  "/run/netns",
  "/etc/cni",
  "/opt/containerd",
  "/usr/libexec/kubernetes",
];

async function lines(file: string): Promise<readonly string[]> {
  return (await readFile(file, "utf8").catch(() => "")).split("\n");
}

/** Its servers have the run folder in their command lines, its pods are in its cgroup. */
async function clusterProcesses(): Promise<readonly string[]> {
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(
    ids.map(async (id) => {
      const [command = "", groups = ""] = await Promise.all(
        ["cmdline", "cgroup"].map((file) => readFile(`/proc/${id}/${file}`, "utf8").catch(() => "")),
      );
      const isOurs = command.includes(runFolder) || groups.includes(`/${cgroupName}/`);
      return isOurs ? [`${id} ${command.replaceAll("\0", " ")}`] : [];
    }),
  );
  return commands.flat().toSorted();
}

async function firewall(): Promise<readonly string[]> {
  const commands = [["nft", "list", "ruleset"], ["iptables-save"], ["ipset", "list"]];
  const outputs = await Promise.all(
    commands.map(([program = "", ...args]) => run([programPath(program), ...args]).catch(() => "")),
  );
  // iptables-save stamps its output with the time.
  return outputs
    .flatMap((output) => output.split("\n"))
    .filter((line) => line !== "" && !line.startsWith("#"));
}

async function cgroups(): Promise<readonly string[]> {
  const root = "/sys/fs/cgroup";
  const folders = async (folder: string) =>
    (await readdir(folder, { withFileTypes: true }).catch(() => []))
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(folder, entry.name));
  const hierarchies = await folders(root);
  return [...hierarchies, ...(await Promise.all(hierarchies.map(folders))).flat()].toSorted();
}
