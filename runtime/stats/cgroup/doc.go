// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cgroup reads what cgroups use from the files of the kernel: version 1, version 2 and both at once, as they are made through
// systemd or directly.
//
//	tree, err := cgroup.Open(cgroup.Config{})
//	paths, err := tree.List()
//	for _, path := range paths {
//		group, err := tree.Open(path) // errors.Is(err, fs.ErrNotExist): it is gone
//		var numbers metric.Set
//		reading, err := group.Read(&numbers)
//		group.Close()
//		if name := cgroup.Classify(path); name.Kind == cgroup.KindContainer { ... }
//	}
//
// A Group that is read again and again is kept open: that saves the look-up of its path, and only what changes by itself is read each
// time. Limits, shares and the peak are read again after some seconds, and what cannot change while no task of the cgroup runs when one has
// run. If it is read every other second or so, most files stay open too: that costs the kernel memory, which is bounded, and takes half of
// the time.
//
// Numbers mean what they mean to cAdvisor and the kubelet. The working set is the usage without inactive file pages; where memory.stat cannot be read
// there is none. On version 1 the numbers of memory include those of the cgroups below, but how often the limit was hit and how many processes
// were killed are of each cgroup alone: a pod has none of its containers'. On version 2 those include the ones below, too. The limit of swap is
// of swap alone: version 1 has one of memory and swap together. The shares of version 2 are made of the weight as if a newer runtime had made it
// of them; see sharesOf. Input and output are sums over the disks, or over what is made of them (LVM, LUKS, RAID, loop) where the kernel counts
// more there: the same bytes go through both. Memory (zram) is no disk. What the kernel does not tell is not set: the root of version 2 has no
// usage of memory, and the root has no number of processes.
//
// It knows nothing of the network, of filesystems, nor of who a cgroup belongs to; a path tells only what Classify makes of it.
//
// # Security
//
// The files are the kernel's, and who owns a delegated cgroup can make others below it, by any name and many of them. So all that is parsed is
// checked: what is not as documented is not set. A List is bounded in number and in depth, and a file in length. A pod is only what has
// exactly the place and the name that the kubelet gives it, and is not below a service, a scope or a container; see Name.Nested.
package cgroup
