// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"context"
	"errors"
	"time"

	"github.com/noded/noded/runtime/podlog"
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
}

// RuntimeStatus is how a runtime is.
type RuntimeStatus struct {
	// Name is containerd, cri-o, docker or what the runtime calls itself; before it has answered what its socket suggests.
	Name, Version string
	// Socket is the path of its socket.
	Socket string
	// Since is when it answered last; zero if it never did. Err is why it does not answer; nil if it does.
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
	// the pods that it had are still there.
	State() (pods []Pod, containers []Container, status RuntimeStatus)
}

// Errors to test for with errors.Is. They keep their identity across the API.
var (
	// ErrNotFound: no pod, container or workload has that name. Every *NotFoundError is one.
	ErrNotFound = errors.New("not found")
	// ErrAmbiguous: several have that name. Every *AmbiguousError is one.
	ErrAmbiguous = errors.New("ambiguous name")
	// ErrChooseContainer: a pod has several containers and none was named.
	ErrChooseContainer = errors.New("a container name must be specified")
	// ErrBadSelector: a selector cannot be read.
	ErrBadSelector = errors.New("invalid selector")
)

// PodSelector says which pods are wanted; see the message of that name in the API.
type PodSelector struct {
	Namespace     string
	Names         []string
	LabelSelector string
	UIDs          []string
}

// LogSelector says which containers' logs are wanted; see the message of that name in the API.
type LogSelector struct {
	// Pods is nil for none.
	Pods          *PodSelector
	Containers    []string
	AllContainers bool
	ContainerIDs  []string
}

// Inventory joins runtimes and the log tree. It is safe for concurrent use.
type Inventory struct{}

// Run keeps the inventory up to date until ctx ends.
func (i *Inventory) Run(ctx context.Context) error { return errors.ErrUnsupported }

// Snapshot returns what is known now. The first call waits, for a moment, for the runtimes' first answers.
func (i *Inventory) Snapshot(ctx context.Context) (*Snapshot, error) {
	return nil, errors.ErrUnsupported
}

// Subscribe returns a channel on which a value comes after changes, coalesced, and a function that ends it.
func (i *Inventory) Subscribe() (changed <-chan struct{}, stop func()) { return nil, func() {} }

// Logs returns the containers that a selector names, as a set that follows what comes and goes. Close it. follow allows names that
// do not exist yet only for label selectors and workloads; a name of a pod must exist. The errors are those
// above.
func (i *Inventory) Logs(ctx context.Context, sel LogSelector, follow bool) (LogSet, error) {
	return nil, errors.ErrUnsupported
}

// LogSet is a podlog.Set that holds a subscription.
type LogSet interface {
	podlog.Set
	// Close ends the subscription.
	Close()
}
