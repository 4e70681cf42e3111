// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/client"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

// update writes golden files anew.
var update = flag.Bool("update", false, "write golden files anew")

func TestDescribeNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := busyNode()
		n.node.Problems = []string{"b", "a"}
		stdout, stderr, err := runTop(t, n, "describe", "node", "node1")
		if err != nil || stderr != "a\nb\n" {
			t.Fatalf("%v: %q", err, stderr)
		}
		got := strings.ReplaceAll(stdout, n.node.Machine.BootTime.Local().Format(time.RFC1123Z), "TIME")
		want := `Name:              node1
Machine ID:        d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0d0
Boot ID:           b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0
Booted:            TIME (3d ago)
Kernel Version:    6.12.0
OS Image:          Debian GNU/Linux 13 (trixie)
Architecture:      amd64
Processor:         EPYC
Noded Version:     v1.0.0
Runtime:           containerd 2.1.0, degraded
Cgroups:           v2
Conditions:
  TYPE             STATUS   REASON
  MemoryPressure   False    13312Mi available, threshold 100Mi
  DiskPressure     True     imagefs (/var/lib/containerd) 10% available, threshold 15%; imagefs (/var/lib/containerd) 4% of inodes free, threshold 5%
  PIDPressure      False    87% of process ids left, threshold 10%
Resources:
  RESOURCE   CAPACITY   USED     USED(%)
  cpu        8          1235m    15%
  memory     16384Mi    3072Mi   18%
  swap       2048Mi     1Mi      0%
  tasks      4096       512      12%
Network:           in 2.0Ki/s, out 1.5Ki/s
Disks:             read 1.0Mi/s, write 0/s
Pressure, over 1 s:
  RESOURCE   SOME WAIT   ALL WAIT
  cpu        12.5%       <unknown>
  io         50.0%       25.0%
Filesystems:
  MOUNTED ON            DEVICE      TYPE   SIZE    USED    AVAILABLE   USED(%)   INODES(%)
  /                     /dev/sda1   ext4   100Gi   60Gi    35Gi        64%       10%
  /var/lib/containerd   /dev/sdb    xfs    200Gi   180Gi   20Gi        90%       96%
Pods:              2, with 3 containers
Most CPU:
  NAMESPACE     NAME      CPU(cores)   MEMORY(bytes)
  default       web-1     301m         250Mi
  kube-system   proxy-x   <unknown>    400Mi
Most Memory:
  NAMESPACE     NAME      CPU(cores)   MEMORY(bytes)
  kube-system   proxy-x   <unknown>    400Mi
  default       web-1     301m         250Mi
Sources:
  NAME                 STATE      MESSAGE
  journal              ok         -
  runtime/containerd   degraded   slow \x1b[2J
`
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

func TestDescribeNodeJSON(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stdout, _, err := runTop(t, busyNode(), "describe", "node", "-o", "json")
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", "describe-node.json")
		if *update {
			if err := os.WriteFile(golden, []byte(stdout), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), stdout); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		var got struct {
			Name    string
			Machine struct {
				CPUs        int    `json:"cpus"`
				MemoryBytes uint64 `json:"memory_bytes"`
			}
			Conditions  []condition
			Pressure    []pressureItem
			Filesystems []filesystemItem
			Usage       struct {
				Nanocores uint64 `json:"cpu_usage_nanocores"`
			}
			MostMemory []struct{ Name string } `json:"most_memory"`
		}
		if err := json.Unmarshal([]byte(stdout), &got); err != nil {
			t.Fatal(err)
		}
		if got.Name != "node1" || got.Machine.CPUs != 8 || got.Machine.MemoryBytes != 16<<30 || len(got.Conditions) != 3 || got.Conditions[1].Status != "True" ||
			len(got.Pressure) != 2 || *got.Pressure[1].FullRatio != 0.25 || got.Pressure[0].FullRatio != nil || len(got.Filesystems) != 2 ||
			got.Usage.Nanocores != 1234100000 || len(got.MostMemory) != 2 || got.MostMemory[0].Name != "proxy-x" {
			t.Errorf("%s", stdout)
		}
	})
}

// TestConditions: the thresholds of the kubelet, to the byte.
func TestConditions(t *testing.T) {
	t.Parallel()
	const total = 4 << 30
	node := func(used, limit uint64, dirs ...stats.Directory) *client.NodeStats {
		n := &client.NodeStats{Machine: stats.Machine{MemoryBytes: total}, Directories: dirs}
		n.Usage.Numbers.Put(metric.MemoryWorkingSet, used)
		n.Usage.Numbers.Put(metric.Processes, 901)
		n.Usage.Numbers.Put(metric.ProcessLimit, limit)
		return n
	}
	on := func(use stats.DirectoryUse, available, inodesFree uint64) stats.Directory {
		return stats.Directory{Use: use, Path: "/x", Filesystem: stats.Filesystem{
			MountPoint: "/", CapacityBytes: 1000, AvailableBytes: available, UsedBytes: 1000 - available, Inodes: 1000, InodesFree: inodesFree,
		}}
	}
	pods := func(available, inodesFree uint64) stats.Directory {
		return on(stats.DirectoryKubelet, available, inodesFree)
	}
	images := func(available, inodesFree uint64) stats.Directory {
		return on(stats.DirectoryImages, available, inodesFree)
	}
	hidden := stats.Directory{Use: stats.DirectoryKubelet, Path: "/var/lib/kubelet", Filesystem: stats.Filesystem{MountPoint: "/var/lib/kubelet"}, Problem: "hidden"}
	sizeless := stats.Directory{Use: stats.DirectoryImages, Path: "/i", Filesystem: stats.Filesystem{MountPoint: "/i"}}
	tests := []struct {
		name                 string
		node                 *client.NodeStats
		memory, disk, pidsAt string
	}{
		{"nothing is known", &client.NodeStats{}, "Unknown", "Unknown", "Unknown"},
		{"just enough", node(total-100<<20, 1002, pods(150, 50), images(150, 50)), "False", "False", "False"},
		{"just too little", node(total-100<<20+1, 1001, pods(149, 50), images(149, 50)), "True", "True", "True"},
		{"more than all", node(total+1, 1, pods(1000, 1000), images(1000, 1000)), "True", "False", "True"},
		{"nodefs has less than imagefs needs", node(0, 1002, pods(100, 50), images(150, 50)), "False", "False", "False"},
		{"nodefs has too little", node(0, 1002, pods(99, 50), images(500, 500)), "False", "True", "False"},
		{"too few inodes", node(0, 1002, pods(500, 49), images(500, 500)), "False", "True", "False"},
		{"images of two runtimes", node(0, 1002, pods(500, 500), images(500, 500), images(149, 500)), "False", "True", "False"},
		{"one is hidden", node(0, 1002, hidden, images(500, 500)), "False", "Unknown", "False"},
		{"one is hidden, the other short", node(0, 1002, hidden, images(149, 500)), "False", "True", "False"},
		{"one has no size", node(0, 1002, pods(500, 500), sizeless), "False", "Unknown", "False"},
		{"another use", node(0, 1002, pods(500, 500), on(stats.DirectoryUnknown, 1, 1)), "False", "False", "False"},
	}
	for _, tt := range tests {
		got := conditionsOf(tt.node)
		if got[0].Status != tt.memory || got[1].Status != tt.disk || got[2].Status != tt.pidsAt {
			t.Errorf("%s: %+v, want %s %s %s", tt.name, got, tt.memory, tt.disk, tt.pidsAt)
		}
	}
	if got := diskPressure(node(0, 1, hidden)).Reason; got != "nodefs (/var/lib/kubelet) is not known: hidden" {
		t.Errorf("reason %q", got)
	}
}
