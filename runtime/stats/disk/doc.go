// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package disk tells which block devices of a machine are disks, and which are made of others, so that what is read and written is not counted twice.
//
//	devices, err := disk.Find("/sys")
//	if devices.Kind(disk.Number{Major: 253, Minor: 0}) == disk.Disk { ... }
//
// It knows nothing of partitions: what the kernel counts of a cgroup it counts for whole devices. It counts nothing itself.
package disk
