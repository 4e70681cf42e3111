// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"time"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// nodeItem is a description of a node in JSON and YAML. Its names are a contract: docs/top.md.
type nodeItem struct {
	Name            string           `json:"name"`
	MachineID       string           `json:"machine_id"`
	BootID          string           `json:"boot_id"`
	BootTime        *time.Time       `json:"boot_time,omitempty"`
	KernelRelease   string           `json:"kernel_release"`
	OperatingSystem string           `json:"operating_system"`
	Architecture    string           `json:"architecture"`
	Version         string           `json:"version"`
	CurrentTime     time.Time        `json:"current_time"`
	CgroupVersion   int              `json:"cgroup_version,omitempty"`
	Machine         machineItem      `json:"machine"`
	Conditions      []condition      `json:"conditions"`
	Usage           usageItem        `json:"usage"`
	Pressure        []pressureItem   `json:"pressure"`
	Filesystems     []filesystemItem `json:"filesystems"`
	Directories     []directoryItem  `json:"directories"`
	Pods            int              `json:"pods"`
	Containers      int              `json:"containers"`
	MostCPU         []usageItem      `json:"most_cpu"`
	MostMemory      []usageItem      `json:"most_memory"`
	Sources         []sourceStatus   `json:"sources"`
}

// machineItem is what the machine has; what is not known is left out.
type machineItem struct {
	CPUs        int    `json:"cpus,omitempty"`
	Cores       int    `json:"cores,omitempty"`
	Sockets     int    `json:"sockets,omitempty"`
	NUMANodes   int    `json:"numa_nodes,omitempty"`
	CPUModel    string `json:"cpu_model,omitempty"`
	MemoryBytes uint64 `json:"memory_bytes,omitempty"`
	SwapBytes   uint64 `json:"swap_bytes"`
}

// pressureItem is how much of the last window tasks waited: 1 is all of it.
type pressureItem struct {
	Resource  string   `json:"resource"`
	SomeRatio *float64 `json:"some_ratio,omitempty"`
	FullRatio *float64 `json:"full_ratio,omitempty"`
}

type filesystemItem struct {
	MountPoint     string `json:"mount_point"`
	Device         string `json:"device"`
	Type           string `json:"type"`
	CapacityBytes  uint64 `json:"capacity_bytes"`
	UsedBytes      uint64 `json:"used_bytes"`
	AvailableBytes uint64 `json:"available_bytes"`
	Inodes         uint64 `json:"inodes,omitempty"`
	InodesFree     uint64 `json:"inodes_free,omitempty"`
}

// directoryItem says which filesystem a directory is on. Without a mount point nothing is known, with a problem not how full it is.
type directoryItem struct {
	Use        string `json:"use"`
	Path       string `json:"path"`
	MountPoint string `json:"mount_point,omitempty"`
	Problem    string `json:"problem,omitempty"`
}

func directoryUse(use stats.DirectoryUse) string {
	switch use {
	case stats.DirectoryKubelet:
		return "kubelet"
	case stats.DirectoryImages:
		return "images"
	case stats.DirectoryUnknown:
	}
	return "unknown"
}

func (d *nodeDescription) item() nodeItem {
	s, n := &d.status, d.usage
	look := &topLook{node: s.Name, machine: n.Machine, now: n.Now, interval: n.Interval}
	row := rowOf(&n.Usage)
	item := nodeItem{
		Name: s.Name, MachineID: s.MachineID, BootID: s.BootID, BootTime: known(n.Machine.BootTime), KernelRelease: s.KernelRelease,
		OperatingSystem: s.OperatingSystem, Architecture: s.Architecture, Version: s.Version, CurrentTime: s.CurrentTime,
		CgroupVersion: n.Machine.CgroupVersion, Conditions: d.conditions, Usage: look.item(&row), Pressure: []pressureItem{},
		Filesystems: []filesystemItem{}, Directories: []directoryItem{}, Pods: len(d.pods), Containers: d.containers, Sources: s.Sources,
		Machine: machineItem{
			CPUs: n.Machine.CPUs, Cores: n.Machine.Cores, Sockets: n.Machine.Sockets, NUMANodes: n.Machine.NUMANodes, CPUModel: n.Machine.CPUModel,
			MemoryBytes: n.Machine.MemoryBytes, SwapBytes: n.Machine.SwapBytes,
		},
	}
	for _, p := range pressures() {
		some, full := ratio(&n.Usage.Rates, p.some), ratio(&n.Usage.Rates, p.full)
		if some != nil || full != nil {
			item.Pressure = append(item.Pressure, pressureItem{p.name, some, full})
		}
	}
	for _, fs := range n.Filesystems {
		item.Filesystems = append(item.Filesystems, filesystemItem{
			fs.MountPoint, fs.Device, fs.Type, fs.CapacityBytes, fs.UsedBytes, fs.AvailableBytes, fs.Inodes, fs.InodesFree,
		})
	}
	for _, dir := range n.Directories {
		item.Directories = append(item.Directories, directoryItem{directoryUse(dir.Use), dir.Path, dir.Filesystem.MountPoint, dir.Problem})
	}
	look.rows = d.topBy(sortByCPU)
	item.MostCPU = look.items()
	look.rows = d.topBy(sortByMemory)
	item.MostMemory = look.items()
	return item
}

// ratio is a rate that is a part of the time; nil if it is not known.
func ratio(r *metric.Rates, id metric.ID) *float64 {
	v, ok := r.Get(id)
	if !ok {
		return nil
	}
	return &v
}
