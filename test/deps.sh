#!/bin/sh
# Copyright The noded Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Installs what building, testing and packaging need beyond Go and make on Debian 12; with the
# argument "build" only what building needs, with "cgroup2" what test/cgroup2 needs besides: its
# kernel is not installed but unpacked in dist/cgroup2/kernel. When everything is there it does
# nothing and needs no network and no root.
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

# The kernel is that of Debian for virtual machines, since what a machine runs may not be readable.
cgroup2="qemu-system-x86 busybox-static kmod cpio gzip e2fsprogs util-linux"
kernel=$(dirname "$0")/../dist/cgroup2/kernel

packages=$all
case ${1-} in
build) packages=$build ;;
cgroup2)
	packages=$cgroup2
	if [ "$(uname -m)" != x86_64 ]; then
		echo "test/deps.sh: the virtual machine of test/cgroup2 is for x86_64" >&2
		exit 1
	fi
	;;
esac

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
wanted=
if [ "${1-}" = cgroup2 ] && ! [ -d "$kernel" ]; then
	wanted=linux-image-cloud-amd64
fi
if [ -z "$missing$wanted" ]; then
	exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
	echo "test/deps.sh: missing packages:$missing" >&2
	echo "Try: sudo apt-get install$missing" >&2
	exit 1
fi

echo "installing:$missing $wanted" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
download=$(mktemp -d)
trap 'rm -rf "$log" "$download"' EXIT
apt() {
	apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -qq "$@" >"$log" 2>&1 || {
		cat "$log" >&2
		echo "test/deps.sh: apt-get $1 failed" >&2
		exit 1
	}
}
# Package lists that are older than a package may name files that are gone.
apt update
if [ -n "$missing" ]; then
	# shellcheck disable=SC2086 # a list of words
	apt install -y --no-install-recommends $missing
fi
if [ -n "$wanted" ]; then
	# Of the package that always depends on the newest.
	image=$(apt-cache depends "$wanted" | sed -n 's/^ *Depends: \(linux-image-[^ ]*\)$/\1/p' | head -n 1)
	chmod 755 "$download"
	(cd "$download" && apt download "${image:?no package of a kernel}")
	mkdir -p "$(dirname "$kernel")"
	dpkg-deb -x "$download"/*.deb "$kernel.new"
	mv "$kernel.new" "$kernel"
fi
