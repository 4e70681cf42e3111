#!/bin/sh
# Copyright The noded Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Becomes the node; runs in a private mount namespace.
# Usage: boot.sh NAME WORKDIR MACHINE_ID CGROUP_DIRECTORY...
set -eu
name=$1 work=$2 machine_id=$3
shift 3
for cgroup in "$@"; do
	echo $$ >"$cgroup/cgroup.procs"
done

mount -t tmpfs -o mode=0755 "$name" "$work"
# systemd-nspawn leaves directories in /run.
mount -t tmpfs -o mode=0755 "$name" /run
mkdir "$work/upper" "$work/scratch" "$work/root"
root=$work/root
mount -t overlay "$name" -o "lowerdir=/,upperdir=$work/upper,workdir=$work/scratch" "$root"

echo "$machine_id" >"$root/etc/machine-id"
echo "$name" >"$root/etc/hostname"
rm -f "$root/etc/resolv.conf" "$root/usr/sbin/policy-rc.d"
: >"$root/etc/resolv.conf"
rm -rf "$root/var/log/journal"
mkdir -p "$root/var/log/journal"

# Only what systemd itself wants is to start, not what this machine has enabled.
rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/systemd/system/*.requires
for unit in getty.target console-getty.service systemd-networkd.service systemd-networkd.socket \
	systemd-resolved.service systemd-timesyncd.service systemd-firstboot.service \
	systemd-repart.service systemd-pcrphase.service systemd-pcrphase-sysinit.service \
	systemd-tmpfiles-clean.timer remote-fs.target dev-hugepages.mount; do
	ln -sfn /dev/null "$root/etc/systemd/system/$unit"
done

exec systemd-nspawn --quiet --keep-unit --register=no --machine="$name" --directory="$root" \
	--boot --private-network --link-journal=no --resolv-conf=off --timezone=off --console=pipe
