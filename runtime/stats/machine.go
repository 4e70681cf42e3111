// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import "time"

// Machine is what the machine has. It changes only when processors, memory or swap are added or taken away.
type Machine struct {
	// CPUs counts logical processors that are online. Cores and Sockets are 0 if they are not known, NUMANodes where the kernel knows
	// of none.
	CPUs, Cores, Sockets, NUMANodes int
	// MemoryBytes is what the kernel can use, SwapBytes all swap space.
	MemoryBytes, SwapBytes uint64
	// CPUModel is the name of the processor; empty if /proc/cpuinfo has none.
	CPUModel string
	// BootTime is when the machine booted, on the wall clock as it is set now.
	BootTime time.Time
	// CgroupVersion is 1 or 2, 0 if there are no cgroups or nobody has looked.
	CgroupVersion int
	// Pressure: the kernel tells how long tasks wait (PSI).
	Pressure bool
}

// Filesystem is a filesystem of the node, and how full it is.
type Filesystem struct {
	// MountPoint is where the node has it, Device what is mounted there, Type its kind: ext4, nfs4.
	MountPoint, Device, Type string
	// UsedBytes and AvailableBytes do not make up CapacityBytes where blocks are kept for root: AvailableBytes is what can be used
	// without privileges.
	CapacityBytes, UsedBytes, AvailableBytes uint64
	// Inodes is 0 if it has no fixed number of them.
	Inodes, InodesFree uint64
}

// DirectoryUse says what is kept in a directory.
type DirectoryUse int

const (
	// DirectoryUnknown is what this build does not know.
	DirectoryUnknown DirectoryUse = iota
	// DirectoryKubelet has what pods write, and the kubelet's own state.
	DirectoryKubelet
	// DirectoryImages has images, and what containers write over them.
	DirectoryImages
)

// Directory is a directory of which it matters how full its filesystem is.
type Directory struct {
	Use  DirectoryUse
	Path string
	// Filesystem is what it is on. With a Problem only its mount point, device and type are known, or nothing.
	Filesystem Filesystem
	// Problem says why it is not known how full the filesystem is; empty if it is.
	Problem string
}
