#!/bin/sh
# Copyright The noded Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Holds the namespaces that containerd and its containers run in, and removes what they used. It is started in mount
# and network namespaces of its own; the first process of a new process namespace is its grandchild. SIGTERM, which also
# comes when the process that started this dies, ends them all.
# With a slice, of a systemd that is asked for cgroups, there is no new process namespace: it knows processes by their numbers.
# Usage: run.sh NAME WORKDIR PODS_DIRECTORY SLICE CGROUP_DIRECTORY...
set -eu
name=$1 work=$2 pods=$3 slice=$4
shift 4
mount -t tmpfs -o mode=0755 "$name" "$work/private"
# Sockets of shims and the state of runc are in /run.
if [ -n "$slice" ]; then
	for dir in containerd runc netns cni; do
		mkdir -p "/run/$dir"
		mount -t tmpfs -o mode=0755 "$name" "/run/$dir"
	done
else
	mount -t tmpfs -o mode=0755 "$name" /run
fi
if [ -n "$pods" ]; then
	mount -t tmpfs -o mode=0755 "$name" "$(dirname "$pods")"
	mkdir "$pods"
	mount --bind "$work/pods" "$pods"
fi
ip link set lo up
# A process namespace needs a first process that takes care of orphans; the shell does after each sleep.
processes='--pid --mount-proc'
[ -z "$slice" ] || processes=
# shellcheck disable=SC2086 # a list of words
unshare $processes --fork --kill-child sh -c 'echo ready; while :; do sleep 1; done' &
unshare=$!
# Who reads what this writes may be dead when it is written.
exec >/dev/null 2>&1
# It comes once for each thread of the process that dies.
trap 'kill -s KILL $unshare || :' TERM
while kill -0 $unshare 2>/dev/null; do
	wait $unshare || : # a signal ends it early
done

if [ -n "$slice" ]; then
	for cgroup in "/sys/fs/cgroup/$slice" "$@"; do
		[ ! -e "$cgroup/cgroup.kill" ] || echo 1 >"$cgroup/cgroup.kill"
	done
	systemctl stop "$slice"
fi
umount --lazy "$work/private"
rm -rf "$work"
for cgroup in "$@"; do
	# The kernel may need a moment until a cgroup whose processes have died is empty.
	for _ in $(seq 600); do
		[ -d "$cgroup" ] || break
		find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null && break
		sleep 0.1
	done
done
