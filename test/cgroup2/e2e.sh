#!/bin/sh
# Copyright The noded Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Builds noded's package and tests, and runs them in the virtual machine of run.sh. VERSION is that of the package; TESTFLAGS are for the tests, as
# in -test.run=TestUnits. "make e2e-cgroup2" calls it.
# Usage: e2e.sh [PACKAGE]...
set -eu
cd "$(dirname "$0")/../.."
shared=$PWD/dist/cgroup2/shared
[ $# -gt 0 ] || set -- ./runtime/stats/cgroup ./runtime/stats/host ./test/cgroup2 ./test/stats

rm -rf "$shared"
mkdir -p "$shared/containerd" "$shared/tests"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-1700000000} packaging/build.sh "$shared" deb amd64
mv "$shared"/noded_*.deb "$shared/noded.deb"
dpkg-deb -x "$shared/noded.deb" "$shared/package"
cp dist/containerd/* "$shared/containerd/"
CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$shared/workload" ./test/containerd/workload
for package in "$@"; do
	mkdir -p "$shared/tests/$package"
	go test -c -tags cgroup2 -o "$shared/tests/$package/test" "$package"
	[ ! -d "$package/testdata" ] || cp -r "$package/testdata" "$shared/tests/$package/"
	echo "$package"
done >"$shared/packages"
echo "${TESTFLAGS-}" >"$shared/flags"
cp test/cgroup2/test.sh "$shared/test"

exec unshare --mount --pid --fork --kill-child --mount-proc test/cgroup2/run.sh "$PWD/dist/cgroup2/kernel" "$shared"
