// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"time"

	"github.com/noded/noded/runtime/podlog"
)

// Pod is one pod, as the runtime and the log tree know it. It is not changed once it is in a Snapshot.
type Pod struct {
	Namespace, Name string
	// UID is that of the API server, or for a static pod the hash of its configuration.
	UID string
	// Labels are those of the pod; nil when only the log tree knows it.
	Labels map[string]string
	// AnnotationNames are sorted. Values are not kept.
	AnnotationNames []string
	State           State
	// Created is that of the newest sandbox; zero if it is not known.
	Created     time.Time
	Addresses   []string
	HostNetwork bool
	// Static: it was made from a file on the node.
	Static bool
	// Owner is what made it, as far as its labels and its name tell.
	Owner Workload
	// SandboxID and SandboxAttempt are about its newest sandbox.
	SandboxID      string
	SandboxAttempt uint32
	CgroupParent   string
	RuntimeHandler string
	// DefaultContainer is the container that is meant where none is named, as the annotation
	// kubectl.kubernetes.io/default-container says; empty for none.
	DefaultContainer string
	// Containers are the newest of each name: init containers first, then in the order of their creation.
	Containers []Container
	// LogsOnly: no runtime knows it, or the one that did does not answer.
	LogsOnly bool
}

// State is the state of a pod's sandbox.
type State uint8

// The states of a pod.
const (
	StateUnknown State = iota
	StateReady
	StateNotReady
)

// Container is the newest run of a container, with the runs before it.
type Container struct {
	Name string
	// ID is what the runtime calls it; empty when only its logs are known.
	ID    string
	Type  ContainerType
	Image string
	// ImageID is the id or digest of the image.
	ImageID string
	State   ContainerState
	// Run is how often it was restarted.
	Run                        uint32
	Created, Started, Finished time.Time
	// ExitCode is set once it has ended; nil if that is not known.
	ExitCode        *int32
	Reason, Message string
	Resources       Resources
	Mounts          []Mount
	Labels          map[string]string
	// Previous are the runs before it that the runtime or a log file still knows, newest first.
	Previous []Run
	// LoggedRuns are the runs that have a log file, ascending.
	LoggedRuns []uint32
	// Runtime is the name of the runtime that has it; empty when only its logs are known.
	Runtime string
	// PID is its main process; 0 if that is not known.
	PID int32
	// Log says where its log is; nil if it has none that can be read.
	Log *Log
}

// Log is where the log of a container is; see podlog.Target.
type Log struct {
	Layout podlog.Layout
	Dir    string
}

// ContainerType is the kind of a container.
type ContainerType uint8

// The kinds. The runtime does not tell them: see Classify.
const (
	TypeUnknown ContainerType = iota
	TypeRegular
	TypeInit
	TypeEphemeral
)

// ContainerState is the state of a container.
type ContainerState uint8

// The states of a container.
const (
	ContainerUnknown ContainerState = iota
	ContainerCreated
	ContainerRunning
	ContainerExited
)

// Run is an earlier run of a container.
type Run struct {
	Number            uint32
	ID                string
	Started, Finished time.Time
	ExitCode          *int32
	Reason, Message   string
	// Logged: it still has a log file.
	Logged bool
}

// Resources are limits and requests as the settings of the cgroup tell them; 0 for none.
type Resources struct {
	// CPULimit and CPURequest are in thousandths of a core: quota/period, and shares at 1,024 for a core.
	CPULimit, CPURequest int64
	// MemoryLimit and MemoryRequest are in bytes.
	MemoryLimit, MemoryRequest int64
	OOMScoreAdj                int64
}

// Mount is a directory or file of the node that a container sees.
type Mount struct {
	ContainerPath, HostPath string
	ReadOnly                bool
}

// Workload is what made a pod.
type Workload struct {
	// Kind is deployment, replicaset, statefulset, daemonset, job or cronjob; empty if it is not known.
	Kind, Name string
}

// String returns KIND/NAME, or nothing.
func (w Workload) String() string {
	if w.Kind == "" {
		return ""
	}
	return w.Kind + "/" + w.Name
}
