// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package host reads what the node as a whole has and uses, and what else of its pods is not in cgroups: their network.
//
//	reader := host.New(host.Config{})
//	machine, err := reader.Machine()
//	var numbers metric.Set
//	reading, err := reader.Read(&numbers)
//	filesystems, err := reader.Filesystems(ctx)
//	err = reader.Network(pid, &numbers)
//
// Everything comes from /proc and /sys as uid 0 without capabilities can read them, in a mount and network namespace of its own if it must
// be: what is of the node's namespaces is read below /proc/1. A /proc that hides processes (hidepid=, ProtectProc=invisible) hides none
// from the group that its option gid= names, and without one that is root's.
//
// # What the numbers are
//
// CPU time is that of /proc/stat in ticks of 10 ms: usage is user + nice + system + irq + softirq. Time of guests is in user and nice
// already, time that a hypervisor took (steal) was not used by the node, and waiting for devices (iowait) is idle time. cpuacct.usage
// of the root cgroup (v1) is the same in nanoseconds.
//
// Memory usage is anonymous pages and all page cache, AnonPages + Cached + Buffers + SwapCached of /proc/meminfo. That is what the kernel answers
// for memory.usage_in_bytes of the root cgroup (v1, mem_cgroup_usage), and what cAdvisor and the kubelet make up for that of v2, which has
// no memory.current, as anon + file. The working set is usage - Inactive(file), as theirs. Swap is SwapTotal - SwapFree.
//
// Network is that of the interfaces that have a default route: what goes in and out of the node. Bridges, the node's ends of pods'
// interfaces and tunnels see the same packets a second and third time, and so do a bond and the interfaces in it. Without a default
// route it is that of all interfaces behind which /sys has a device. Where neither is known there are no numbers. Of a process it is that of the
// interfaces that have a default route too, else that of all but lo.
//
// Disks are block devices as a whole: no partitions, nothing that is made of other block devices (dm, md), of files (loop) or of
// memory (ram, zram). Network and disk numbers go on from where they were when an interface or disk comes, goes, or begins anew.
//
// # Machine facts
//
// Processors, cores and sockets are counted by cAdvisor's library (lib/utils/sysinfo), which knows the differences between
// architectures. Its whole machine.Info is not used: it looks at every filesystem and so hangs with the first dead NFS server, it
// gives up without a clock speed, it counts cores of several sockets once, and its package registers flags on the global flag set. What is
// used here registers none, and what it would say through klog is not reached.
//
// # Security
//
// /proc/PID belongs to whoever runs the process: a container chooses the names of its interfaces and its command. Files are read up to a limit,
// lines that are not as they must be are left out, and sums do not wrap around silently.
package host
