#!/bin/sh
# Copyright The noded Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Runs the node, in a private mount namespace, and removes what it used. SIGTERM, which also comes when the
# process that started this dies, powers the node off.
# Usage: boot.sh NAME WORKDIR MACHINE_ID 'OPTION_OF_NSPAWN ...' CGROUP_DIRECTORY...
set -eu
name=$1 work=$2 machine_id=$3 options=$4
shift 4
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
rm -rf "$root/var/log/journal" "$root/var/log/pods" "$root/var/lib/docker"
mkdir -p "$root/var/log/journal"

# Only what systemd itself wants is to start, not what this machine has enabled.
rm -rf "$root"/etc/systemd/system/*.wants "$root"/etc/systemd/system/*.requires
for unit in getty.target console-getty.service systemd-networkd.service systemd-networkd.socket \
	systemd-resolved.service systemd-timesyncd.service systemd-firstboot.service \
	systemd-repart.service systemd-pcrphase.service systemd-pcrphase-sysinit.service \
	systemd-tmpfiles-clean.timer remote-fs.target dev-hugepages.mount; do
	ln -sfn /dev/null "$root/etc/systemd/system/$unit"
done

# shellcheck disable=SC2016 # the inner shell expands
sh -c '
	name=$1 root=$2 options=$3
	shift 3
	for cgroup in "$@"; do
		echo $$ >"$cgroup/cgroup.procs"
	done
	exec systemd-nspawn --quiet --keep-unit --register=no --machine="$name" --directory="$root" \
		--boot --private-network --link-journal=no --resolv-conf=off --timezone=off --console=pipe $options
' sh "$name" "$root" "$options" "$@" &
nspawn=$!
trap 'kill -s TERM $nspawn' TERM
status=0
while kill -0 $nspawn 2>/dev/null; do
	status=0
	wait $nspawn || status=$? # a signal ends it early
done

umount --lazy "$root" "$work"
rmdir "$work"
for cgroup in "$@"; do
	# The kernel may need a moment until a cgroup whose processes have died is empty.
	for _ in $(seq 600); do
		[ -d "$cgroup" ] || break
		find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null && break
		sleep 0.1
	done
done
exit "$status"
