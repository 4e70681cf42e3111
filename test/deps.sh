#!/bin/sh
# Copyright The noded Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Installs what building, testing and packaging need beyond Go and make on Debian 12; with the
# argument "build" only what building needs. When everything is there it does nothing and
# needs no network and no root.
set -eu

build="ca-certificates git gcc libc6-dev libsystemd-dev"
all="$build
	gcc-aarch64-linux-gnu libc6-dev-arm64-cross
	systemd systemd-container systemd-journal-remote dbus
	containerd runc containernetworking-plugins docker.io iproute2
	util-linux passwd procps less man-db
	lintian rpm cpio zstd shellcheck
	prometheus
"

packages=$all
if [ "${1-}" = build ]; then
	packages=$build
fi

if ! command -v dpkg-query >/dev/null; then
	if [ "${1-}" = build ]; then
		exit 0 # the compiler will tell
	fi
	echo "test/deps.sh: this is not Debian; install what corresponds to:" >&2
	echo "$packages" >&2
	exit 1
fi

missing=
for package in $packages; do
	case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) in
	installed) ;;
	*) missing="$missing $package" ;;
	esac
done
if [ -z "$missing" ]; then
	exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "test/deps.sh: missing packages:$missing" >&2
	echo "Try: sudo apt-get install$missing" >&2
	exit 1
fi

echo "installing:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() {
	apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -qq "$@" >"$log" 2>&1 || {
		cat "$log" >&2
		echo "test/deps.sh: apt-get $1 failed" >&2
		exit 1
	}
}
# Package lists that are older than a package may name files that are gone.
apt update
# shellcheck disable=SC2086 # a list of words
apt install -y --no-install-recommends $missing
