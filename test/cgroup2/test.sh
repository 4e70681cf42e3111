#!/bin/sh
# Copyright The noded Authors.
# SPDX-License-Identifier: Apache-2.0
#
# What e2e.sh runs in the virtual machine: the tests of the packages that it built, those of containers with each driver of cgroups.
set -u
cd /shared || exit 1
export CI=true NODED_CGROUP2=true NODED_BIN=/shared/package/usr/bin NODED_CONTAINERD=/shared/containerd NODED_WORKLOAD=/shared/workload
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount /dev/vda /disk || exit 1
failed=0
run() {
	echo "=== $package $*"
	# A file that is known here has a descriptor on the machine, which has not many.
	echo 2 >/proc/sys/vm/drop_caches
	# shellcheck disable=SC2046 # a list of words; one at a time, as the machine is slow
	(cd "/shared/tests/$package" && env "$@" ./test -test.parallel=1 -test.timeout=20m -test.v $(cat /shared/flags)) || failed=1
}
while read -r package <&3; do
	run NODED_SYSTEMD_CGROUP=false
	[ "$package" != ./test/stats ] || run NODED_SYSTEMD_CGROUP=true
done 3</shared/packages
exit $failed
