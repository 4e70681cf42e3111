// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"time"
)

const (
	// maxGroups is how many cgroups List returns.
	maxGroups = 16384
	// maxDepth is how many names a path of List has. A container in a container in a pod has about ten.
	maxDepth = 32
	// maxDelegated is how many List returns that are below one service, scope or container, which may make as many as it likes.
	maxDelegated = 1024
	// maxDirs and maxFiles are how many directories and files groups hold open together. For each file the kernel holds about 4.5 KiB.
	maxDirs  = 16384
	maxFiles = 4096
	// maxFile is the length of the longest file that is read: of io.stat with thousands of devices.
	maxFile = 1 << 20
)

// ErrTooMany is returned by List together with what it found when there are more cgroups, or deeper ones, than it returns.
var ErrTooMany = errors.New("too many cgroups")

// Config says where things are.
type Config struct {
	// Root is where the hierarchies are mounted; empty means /sys/fs/cgroup.
	Root string
	// Proc is where proc is mounted; empty means /proc. Its self/mountinfo tells the hierarchies. Where that tells of none below Root, they are
	// the directories of Root that are named by their controllers, or Root itself, as in a copied tree.
	Proc string
	// Sys is where sysfs is mounted; empty means /sys. It tells which block devices are made of others.
	Sys string
}

// devicesEvery is how often List looks which block devices there are.
const devicesEvery = time.Minute

// Reading is when a cgroup was read, and which.
type Reading struct {
	// Time is when the CPU time was read, on the wall clock.
	Time time.Time
	// Boot is the same since the boot, with the time in which the machine slept (CLOCK_BOOTTIME): what rates are made with.
	Boot time.Duration
	// Inode tells this cgroup from another one that had its path before or will have it. It is the same in all readings of a Group.
	Inode uint64
}
