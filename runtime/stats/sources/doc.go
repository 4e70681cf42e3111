// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package sources makes of what reads a real node what a stats.Sampler is made of. It is apart from package stats so that who needs the
// types of that, such as a client, links none of the readers.
//
//	tree, err := cgroup.Open(cgroup.Config{})
//	...
//	sampler := stats.New(stats.Config{
//		Tree: sources.Tree(tree), Host: sources.Host(host.New(host.Config{}), "/proc"), History: sources.History(history.New(history.Config{})),
//	})
package sources
