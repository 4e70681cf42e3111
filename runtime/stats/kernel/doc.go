// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kernel parses forms of text that the kernel uses in /proc as well as in cgroups, and reads its clock.
//
//	v, ok := kernel.ParseUint([]byte("4096"))
//	mount, ok := kernel.ParseMount("36 35 98:0 / /mnt rw,noatime - ext4 /dev/sda1 rw")
//	kernel.ParsePressure(text, func(full bool, nanoseconds uint64) { ... })
//
// It opens no files.
//
// # Security
//
// What is mounted, and so some of these texts, can be chosen by users. What is not as documented is not parsed; nothing that fits in no number wraps
// around.
package kernel
