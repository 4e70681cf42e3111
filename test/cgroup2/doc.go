// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cgroup2 tests noded on a machine with cgroup v2 and systemd: a virtual machine, as the machine of the tests may have version 1.
//
//	make e2e-cgroup2
//	make e2e-cgroup2 PACKAGES=./test/stats TESTFLAGS=-test.run=TestUsage
//
// The virtual machine (run.sh) has a kernel of Debian, two processors that are emulated, a copy-on-write view of this machine's root directory, a disk at
// /disk and one to swap to, /dev/vdb; systemd reaches multi-user.target in half a minute. /shared is dist/cgroup2/shared. Tests are built on the machine (e2e.sh) and
// run there (test.sh): those of this package, of test/stats with both drivers of cgroups, and of the packages of runtime/stats that read the system.
// They are slow, and compare counters, not shares of the time.
//
// TestRecord records the fixture of runtime/stats/cgroup, see there.
//
// It needs Debian 12 on x86_64, root, and what "test/deps.sh cgroup2" installs. What is mounted below the root directory is not there: /usr must be
// on its file system.
//
// # Security
//
// The virtual machine is no security boundary: it can read all of the machine's root directory. It cannot write to it.
package cgroup2
