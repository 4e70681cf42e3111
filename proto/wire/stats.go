// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"math"

	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats"
)

// StatsSubjectToProto converts who a figure is of.
func StatsSubjectToProto(e *stats.Entity) *nodedv1.Subject {
	if e == nil {
		return nil
	}
	m := &nodedv1.Subject{
		Kind:          statsKindToProto(e.Key.Kind),
		Name:          Text(e.Name),
		Namespace:     Text(e.Namespace),
		Pod:           Text(e.Pod),
		PodUid:        Text(e.UID),
		ContainerId:   Text(e.ContainerID),
		Image:         Text(e.Image),
		Runtime:       Text(e.Runtime),
		RestartCount:  e.Run,
		ContainerType: nodedv1.ContainerType(e.Type),
		Labels:        textMap(e.Labels),
		HostNetwork:   e.HostNetwork,
		Nameless:      e.Nameless,
		Cgroup:        Text(e.Cgroup),
		StartTime:     timeToProto(e.Started),
		Generation:    e.Key.Generation,
	}
	if e.Key.Kind == stats.KindUnit {
		m.UnitPath = Text(e.Key.ID)
	}
	if r := e.Resources; r != (inventory.Resources{}) {
		m.Resources = &nodedv1.ContainerResources{
			CpuLimitMillicores: r.CPULimit, CpuRequestMillicores: r.CPURequest,
			MemoryLimitBytes: r.MemoryLimit, MemoryRequestBytes: r.MemoryRequest, OomScoreAdj: r.OOMScoreAdj,
		}
	}
	return m
}

// StatsSubjectFromProto converts who a figure is of; nil becomes nothing known. Kinds that this build does not know become unknown.
func StatsSubjectFromProto(m *nodedv1.Subject) *stats.Entity {
	e := &stats.Entity{
		Key:         stats.Key{Kind: statsKindFromProto(m.GetKind()), Generation: m.GetGeneration()},
		Name:        m.GetName(),
		Namespace:   m.GetNamespace(),
		Pod:         m.GetPod(),
		UID:         m.GetPodUid(),
		ContainerID: m.GetContainerId(),
		Image:       m.GetImage(),
		Runtime:     m.GetRuntime(),
		Run:         m.GetRestartCount(),
		Labels:      m.GetLabels(),
		HostNetwork: m.GetHostNetwork(),
		Nameless:    m.GetNameless(),
		Cgroup:      m.GetCgroup(),
		Started:     timeFromProto(m.GetStartTime()),
	}
	switch e.Key.Kind {
	case stats.KindPod:
		// As noded tells pods apart.
		if e.Key.ID = e.UID; e.UID == "" {
			e.Key.ID = e.Namespace + "/" + e.Name + "/"
		}
	case stats.KindContainer:
		e.Key.ID = e.ContainerID
	case stats.KindUnit:
		e.Key.ID = m.GetUnitPath()
	}
	if _, known := nodedv1.ContainerType_name[int32(m.GetContainerType())]; known {
		e.Type = inventory.ContainerType(m.GetContainerType())
	}
	if r := m.GetResources(); r != nil {
		e.Resources = inventory.Resources{
			CPULimit: r.GetCpuLimitMillicores(), CPURequest: r.GetCpuRequestMillicores(),
			MemoryLimit: r.GetMemoryLimitBytes(), MemoryRequest: r.GetMemoryRequestBytes(), OOMScoreAdj: r.GetOomScoreAdj(),
		}
	}
	return e
}

func statsKindToProto(k stats.Kind) nodedv1.StatsKind {
	switch k {
	case stats.KindNode:
		return nodedv1.StatsKind_STATS_KIND_NODE
	case stats.KindPod:
		return nodedv1.StatsKind_STATS_KIND_POD
	case stats.KindContainer:
		return nodedv1.StatsKind_STATS_KIND_CONTAINER
	case stats.KindUnit:
		return nodedv1.StatsKind_STATS_KIND_UNIT
	default:
		return nodedv1.StatsKind_STATS_KIND_UNSPECIFIED
	}
}

// statsKindFromProto converts a kind; one that this build does not know becomes unknown.
func statsKindFromProto(m nodedv1.StatsKind) stats.Kind {
	switch m {
	case nodedv1.StatsKind_STATS_KIND_NODE:
		return stats.KindNode
	case nodedv1.StatsKind_STATS_KIND_POD:
		return stats.KindPod
	case nodedv1.StatsKind_STATS_KIND_CONTAINER:
		return stats.KindContainer
	case nodedv1.StatsKind_STATS_KIND_UNIT:
		return stats.KindUnit
	default:
		return stats.KindUnknown
	}
}

// MachineToProto converts what a machine has.
func MachineToProto(v *stats.Machine) *nodedv1.Machine {
	return &nodedv1.Machine{
		Cpus:          count32(v.CPUs),
		Cores:         count32(v.Cores),
		Sockets:       count32(v.Sockets),
		NumaNodes:     count32(v.NUMANodes),
		MemoryBytes:   v.MemoryBytes,
		SwapBytes:     v.SwapBytes,
		CpuModel:      Text(v.CPUModel),
		BootTime:      timeToProto(v.BootTime),
		CgroupVersion: count32(v.CgroupVersion),
		Pressure:      v.Pressure,
	}
}

// MachineFromProto converts what a machine has; nil becomes nothing known.
func MachineFromProto(m *nodedv1.Machine) stats.Machine {
	return stats.Machine{
		CPUs:          int(m.GetCpus()),
		Cores:         int(m.GetCores()),
		Sockets:       int(m.GetSockets()),
		NUMANodes:     int(m.GetNumaNodes()),
		MemoryBytes:   m.GetMemoryBytes(),
		SwapBytes:     m.GetSwapBytes(),
		CPUModel:      m.GetCpuModel(),
		BootTime:      timeFromProto(m.GetBootTime()),
		CgroupVersion: int(m.GetCgroupVersion()),
		Pressure:      m.GetPressure(),
	}
}

// FilesystemsToProto converts a list of filesystems.
func FilesystemsToProto(list []stats.Filesystem) []*nodedv1.Filesystem {
	out := make([]*nodedv1.Filesystem, len(list))
	for i := range list {
		out[i] = filesystemToProto(&list[i])
	}
	return out
}

func filesystemToProto(f *stats.Filesystem) *nodedv1.Filesystem {
	return &nodedv1.Filesystem{
		MountPoint: Text(f.MountPoint), Device: Text(f.Device), Type: Text(f.Type),
		CapacityBytes: f.CapacityBytes, UsedBytes: f.UsedBytes, AvailableBytes: f.AvailableBytes,
		Inodes: f.Inodes, InodesFree: f.InodesFree,
	}
}

// FilesystemsFromProto converts a list of filesystems; none is nil.
func FilesystemsFromProto(list []*nodedv1.Filesystem) []stats.Filesystem {
	var out []stats.Filesystem
	for _, m := range list {
		out = append(out, filesystemFromProto(m))
	}
	return out
}

func filesystemFromProto(m *nodedv1.Filesystem) stats.Filesystem {
	return stats.Filesystem{
		MountPoint: m.GetMountPoint(), Device: m.GetDevice(), Type: m.GetType(),
		CapacityBytes: m.GetCapacityBytes(), UsedBytes: m.GetUsedBytes(), AvailableBytes: m.GetAvailableBytes(),
		Inodes: m.GetInodes(), InodesFree: m.GetInodesFree(),
	}
}

// DirectoriesToProto converts a list of directories.
func DirectoriesToProto(list []stats.Directory) []*nodedv1.NodeDirectory {
	out := make([]*nodedv1.NodeDirectory, len(list))
	for i := range list {
		d := &list[i]
		out[i] = &nodedv1.NodeDirectory{Use: nodedv1.NodeDirectoryUse(d.Use), Path: Text(d.Path), Problem: Text(d.Problem)}
		if d.Filesystem != (stats.Filesystem{}) {
			out[i].Filesystem = filesystemToProto(&d.Filesystem)
		}
	}
	return out
}

// DirectoriesFromProto converts a list of directories; none is nil. Uses that this build does not know become unknown.
func DirectoriesFromProto(list []*nodedv1.NodeDirectory) []stats.Directory {
	var out []stats.Directory
	for _, m := range list {
		d := stats.Directory{Path: m.GetPath(), Filesystem: filesystemFromProto(m.GetFilesystem()), Problem: m.GetProblem()}
		if _, known := nodedv1.NodeDirectoryUse_name[int32(m.GetUse())]; known {
			d.Use = stats.DirectoryUse(m.GetUse())
		}
		out = append(out, d)
	}
	return out
}

// count32 is a count that a message can carry.
func count32(n int) uint32 { return uint32(min(max(n, 0), math.MaxInt32)) }
