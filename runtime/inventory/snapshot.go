// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"time"
)

// Snapshot is what was known at one time. It and everything in it is not changed any more.
type Snapshot struct {
	// Pods are sorted by namespace, name and UID.
	Pods []Pod
	// Containers are in no pod, sorted by name.
	Containers []Container
	// Problems say what is known only in part, and why: a sentence each.
	Problems []string
	// Runtimes are the runtimes that are looked for and how they are.
	Runtimes []RuntimeStatus
	// LogTree is the trouble of the log tree; nil if it can be read. One that does not exist is an fs.ErrNotExist.
	LogTree error

	// newestLog is when something was last written to the logs of a pod; nil if that cannot be told.
	newestLog func(*Pod) time.Time
	// fresh are the pods that came to be known by their logs a moment ago, so that a runtime may be about to tell of them.
	fresh map[podKey]time.Time
}

// RuntimeStatus is how a runtime is.
type RuntimeStatus struct {
	// Name is containerd, cri-o, docker or what the runtime calls itself; before it has answered what its socket suggests.
	Name, Version string
	// Socket is the path of its socket.
	Socket string
	// Since is when it answered last; zero if it never did. Err is why it does not answer; nil if it does. A socket that does
	// not exist is an fs.ErrNotExist. Both are zero before the first answer.
	Since time.Time
	Err   error
	// Events: changes are told by the runtime rather than found by asking now and then.
	Events bool
}

// Source is a runtime that pods come from. It is safe for concurrent use.
type Source interface {
	// Run keeps what State returns up to date until ctx ends, and calls changed after each change. It returns when its
	// goroutines have ended. A runtime that is away is not an error: Run waits for it to come.
	Run(ctx context.Context, changed func())
	// State returns what is known now: pods without what the log tree adds, and how the runtime is. After the runtime went away
	// the pods that it had are still there. The caller changes nothing in the slices, and neither does the source any more.
	State() (pods []Pod, containers []Container, status RuntimeStatus)
}

// Troubled is a Source that can know some of its pods and containers only in part.
type Troubled interface {
	// Problems says what, and why: a sentence each. What it returns is not changed any more.
	Problems() []string
}

// Attentive is a Source that asks its runtime more often while somebody waits for changes.
type Attentive interface {
	// Attend is told when the first subscriber comes and when the last one goes.
	Attend(watched bool)
}
