import { spawnSync } from "node:child_process";
import { environment } from "../run.ts";

/** Flags of `unshare` for a place in which processes, mounts, network and message queues are the node's own. */
export const isolation = [
  "--fork",
  "--kill-child",
  "--pid",
  "--mount",
  "--net",
  "--ipc",
  "--propagation=private",
] as const;

/** What the node's first process and its servers begin with, as far as their tools are installed; nothing of it stays. */
const trial = `
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
mkdir /run/upper /run/work
mount -t overlay -o lowerdir=/var/lib,upperdir=/run/upper,workdir=/run/work overlay /var/lib
echo 1 > /proc/sys/net/ipv4/ip_forward
has() { command -v $1 > /dev/null; }
! has ip || ip link add trial0 type veth peer name trial1
! has nft || nft add table ip trial
! has iptables || iptables -w -N trial
! has ipset || ipset create trial hash:ip`;
const cgroupTrial = `
root=/sys/fs/cgroup
[ -e $root/cgroup.controllers ] || root=$root/memory
mkdir $root/gradients-trial-$$
rmdir $root/gradients-trial-$$`;

/** Why root cannot make a node here, as in a container that is not privileged; undefined if it can. */
export function isolationProblem(): string | undefined {
  return refusalOf("sh", "-euc", cgroupTrial) ?? refusalOf("unshare", ...isolation, "sh", "-euc", trial);
}

/** What a command that must succeed says when it does not. */
export function refusalOf(program: string, ...args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync(program, args, { encoding: "utf8", env: environment() });
  return status === 0 ? undefined : (error?.message ?? stderr.trim()) || `${program} ended with ${status}`;
}
