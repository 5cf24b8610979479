#!/bin/sh
# First process of the node's namespaces, called with the run folder and the folder of images. Lays out a machine of its own, then reaps what loses its parent.
set -eu
dir=$1
images=$2

mount -t proc proc /proc

# A fresh /sys shows this network's interfaces; the cgroups stay those of the machine.
mkdir "$dir/cgroup"
mount --rbind /sys/fs/cgroup "$dir/cgroup"
mount -t sysfs sysfs /sys
mount --rbind "$dir/cgroup" /sys/fs/cgroup
umount -R "$dir/cgroup"
rmdir "$dir/cgroup"

# What programs write to fixed places goes to memory: sockets, network namespaces, CNI's results, links to logs.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns /run/lock /run/settings /run/cluster /run/images /run/var-lib /run/var-lib-work
mount --rbind "$dir" /run/cluster
mount --rbind "$images" /run/images
mount -t overlay -o lowerdir=/var/lib,upperdir=/run/var-lib,workdir=/run/var-lib-work overlay /var/lib
mount --rbind /run/cluster "$dir"
mount --rbind /run/images "$images"
mount -t tmpfs -o mode=755 tmpfs /var/log

# kubelet sets these for the whole machine: here it writes to copies.
for name in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
  copy=/run/settings/$(printf '%s' "$name" | tr / -)
  cat "/proc/sys/$name" > "$copy"
  mount --bind "$copy" "/proc/sys/$name"
done

mount --make-rshared /
ip link set lo up
echo 1 > /proc/sys/net/ipv4/ip_forward

: > "$dir/node.open"
while :; do sleep 3600; done
