#!/bin/sh
# Copyright The noded Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Holds the namespaces that dockerd and its containers run in, and removes what they used. It is started in mount and
# network namespaces of its own; the first process of a new process namespace is its grandchild. SIGTERM, which also
# comes when the process that started this dies, ends them all.
# Usage: run.sh NAME WORKDIR CGROUP_DIRECTORY...
set -eu
name=$1 work=$2
shift 2
# Sockets of shims are in /run, and dockerd writes a key to /etc/docker.
mount -t tmpfs -o mode=0755 "$name" /run
mkdir /run/etc /run/etc/upper /run/etc/work
mount -t overlay -o lowerdir=/etc,upperdir=/run/etc/upper,workdir=/run/etc/work "$name" /etc
# A process namespace needs a first process that takes care of orphans; the shell does after each sleep.
unshare --pid --fork --kill-child --mount-proc sh -c 'echo ready; while :; do sleep 1; done' &
unshare=$!
# Who reads what this writes may be dead when it is written.
exec >/dev/null 2>&1
# It comes once for each thread of the process that dies.
trap 'kill -s KILL $unshare || :' TERM
while kill -0 $unshare 2>/dev/null; do
	wait $unshare || : # a signal ends it early
done

# What fails below is tried again: the processes may be dying still.
trap '' TERM
set +e
for _ in $(seq 600); do
	# File systems that dockerd mounted are in the way otherwise; they are only in this namespace.
	while read -r _ dir _; do
		case $dir in
		"$work"/*) umount --lazy "$dir" ;;
		esac
	done </proc/self/mounts
	rm -rf "$work" && break
	sleep 0.1
done
for cgroup in "$@"; do
	for _ in $(seq 600); do
		[ -d "$cgroup" ] || break
		find "$cgroup" -depth -type d -exec rmdir {} + && break
		sleep 0.1
	done
done
