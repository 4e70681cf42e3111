// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"context"
	"log/slog"
	"time"

	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats/metric"
)

// DefaultInterval is how long after one look the next one follows, unless Config says otherwise.
const DefaultInterval = 10 * time.Second

// Config says what a Sampler is made of. What is nil is missed, and Snapshot.Problems say so. Package sources makes Tree, Host and
// History of what reads a real node.
type Config struct {
	// Node is the name of the node.
	Node string
	// Tree are the cgroups; nil: only the node itself has figures.
	Tree Tree
	// Host is the node as a whole; nil: the node has no figures, and pods have no network.
	Host Host
	// Inventory tells who is who; nil: pods are known by their UIDs and containers by their ids.
	Inventory Inventory
	// History keeps what was; nil: nothing does.
	History History
	// Interval is how often the Sampler looks while nobody wants it more often: DefaultInterval if it is 0, a second at least.
	Interval time.Duration
	// Layers returns the writable layers of containers by their ids; nil: they are not known. It is called seldom, and may take its time.
	Layers func(ctx context.Context) (map[string]Layer, error)
	// LogBytes returns how large the logs of a container are; nil: that is not known. It is called as seldom as Layers.
	LogBytes func(ctx context.Context, log inventory.Log) (uint64, error)
	// Images returns the directories in which the runtimes keep images; nil: they are looked for where they usually are. It is called by
	// several goroutines.
	Images func(ctx context.Context) ([]string, error)
	// Logger is told what is missed; nil: nobody is.
	Logger *slog.Logger
	// Now is the wall clock; nil: time.Now.
	Now func() time.Time
}

// Tree is what a Sampler needs of the cgroups. It and its Groups are used by one goroutine, Version by several.
type Tree interface {
	// Version is 1 or 2.
	Version() int
	// List returns the paths of all cgroups, "/" first, sorted. It bounds how many there are: with an error it returns those that it has. The
	// caller does not change them.
	List() ([]string, error)
	// Open opens the cgroup at a path. One that is not there is an fs.ErrNotExist.
	Open(path string) (Group, error)
	// Classify tells whose the cgroup at a path is, by the path alone.
	Classify(path string) Name
}

// Group is a cgroup that is open.
type Group interface {
	// Read puts what it uses now into a set. One that is gone is an fs.ErrNotExist, also if there is another one at its path.
	Read(to *metric.Set) (Reading, error)
	Close()
}

// Reading is about numbers that were read.
type Reading struct {
	// Time is when that was, on the wall clock, Boot the same since the boot.
	Time time.Time
	Boot time.Duration
	// Inode tells a cgroup from the next one at the same path; 0 for what is none.
	Inode uint64
}

// Name is whose a cgroup is.
type Name struct {
	// Kind is KindPod, KindContainer or KindUnit; KindUnknown for a directory that nobody asks for.
	Kind Kind
	// PodUID is of pods, and of the containers whose path tells it. ContainerID is of containers, Unit is the name of a unit.
	PodUID, ContainerID, Unit string
	// Nested: it is in the cgroup of a service, scope or container, whose processes may have made it.
	Nested bool
}

// Host is what a Sampler needs of the node as a whole. Filesystems, Directories and Machine are used by several goroutines, the rest by one.
type Host interface {
	// Machine tells what the machine has.
	Machine() (Machine, error)
	// Filesystems returns the filesystems of the node.
	Filesystems(ctx context.Context) ([]Filesystem, error)
	// Directories returns what the directories of the kubelet and of images are on. images are those that runtimes tell, if they do.
	Directories(ctx context.Context, images []string) ([]Directory, error)
	// Read puts what the node uses now into a set. What cannot be read is in the error, all else is in the set.
	Read(to *metric.Set) (Reading, error)
	// Network puts what the network of a process sent and received into a set. A process that is gone is an error.
	Network(pid int, to *metric.Set) error
	// HostNetwork reports whether a process has the network of the node.
	HostNetwork(pid int) (bool, error)
	// InContainer reports whether a process is in the cgroup of a container, so that one that has the pid of another is told from it.
	InContainer(pid int, containerID string) (bool, error)
}

// Inventory is what a Sampler needs of inventory.Inventory.
type Inventory interface {
	Snapshot(ctx context.Context) (*inventory.Snapshot, error)
	// Subscribe makes the runtimes tell of changes at once. A Sampler calls it while it has subscribers.
	Subscribe() (changed <-chan struct{}, stop func())
}

// Layer is the writable layer of a container.
type Layer struct{ Bytes, Inodes uint64 }

// History is what a Sampler needs of package history. It is safe for concurrent use.
type History interface {
	// Append adds numbers of something at a time. The store does not keep values.
	Append(entity string, t time.Time, values []HistoryValue)
	// Describe keeps what is said about something; About returns it, nil if there is nothing.
	Describe(entity string, about []byte)
	About(entity string) []byte
	// Entities returns what there are figures of.
	Entities() []string
	// Summarize summarises what was appended of one number of something from one time on and before another; ok is false if nothing was.
	Summarize(entity string, id metric.ID, from, to time.Time, points int) (s Summary, ok bool)
	// Oldest is the time of the oldest figure; zero if there is none.
	Oldest() time.Time
}

// HistoryValue is a number as history keeps it: gauges as they are; of counters the rate, of CPU time in millionths of a core, of bytes a
// second, of all else in thousandths a second. All of them are whole.
type HistoryValue struct {
	ID metric.ID
	V  float64
}

// Summary is about the samples of one number over a time.
type Summary struct {
	// Samples is how many there are, First and Last are the times of the first and the last one.
	Samples     int
	First, Last time.Time
	// Mean weighs each sample with the time that it stands for. P95 is what 95% of the samples do not exceed (nearest rank). LastValue
	// is that of Last.
	Min, Mean, P95, Max, LastValue float64
	// Points are the means of equal parts of the time; NaN where there is no sample.
	Points []float64
}
