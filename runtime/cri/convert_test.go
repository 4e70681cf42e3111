// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

func TestResources(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name           string
		quota          int64
		period, shares uint64
		memory         int64
		unified        map[string]string
		want           inventory.Resources
	}{
		{name: "none", quota: -1, period: 100000, shares: 2, memory: -1},
		{name: "both", quota: 150000, period: 100000, shares: 512, memory: 1 << 30, want: inventory.Resources{CPULimit: 1500, CPURequest: 500, MemoryLimit: 1 << 30}},
		{name: "a millicore", quota: 1000, period: 1000000, shares: 3, want: inventory.Resources{CPULimit: 1, CPURequest: 3}},
		{name: "no period", quota: 1000},
		{name: "memory.min", unified: map[string]string{"memory.min": "4096"}, want: inventory.Resources{MemoryRequest: 4096}},
		{name: "nonsense", quota: 1 << 62, period: 1, shares: 1 << 63, unified: map[string]string{"memory.min": "max"}},
	} {
		if d := cmp.Diff(test.want, resourcesOf(test.quota, test.period, test.shares, test.memory, 0, test.unified)); d != "" {
			t.Errorf("%s: %s", test.name, d)
		}
	}
}

func TestLogOf(t *testing.T) {
	t.Parallel()
	s := &sandbox{namespace: "prod", name: "web-0", uid: "u1"}
	dir := &inventory.Log{Layout: podlog.LayoutCRI, Dir: "prod_web-0_u1/app"}
	for _, test := range []struct {
		runtime, name, id, path string
		want                    *inventory.Log
	}{
		{"containerd", "app", "c0", "/var/log/pods/prod_web-0_u1/app/0.log", dir},
		{"containerd", "app", "c0", "/elsewhere/prod_web-0_u1/app/3.log", dir},
		{"containerd", "app", "c0", "", nil},
		{"containerd", "app", "c0", "/etc/shadow", nil},
		{"containerd", "app", "c0", "/var/log/pods/prod_web-0_u1/app/../../../../../etc/shadow", nil},
		{"containerd", "app", "c0", "/var/log/pods/prod_web-1_u2/app/0.log", nil},
		{"containerd", "../app", "c0", "/var/log/pods/prod_web-0_u1/../app/0.log", nil},
		{"containerd", "", "c0", "/var/log/pods/prod_web-0_u1//0.log", nil},
		{"docker", "app", "c0", "/var/log/pods/prod_web-0_u1/app/0.log", &inventory.Log{Layout: podlog.LayoutDocker, Dir: "c0"}},
		{"docker", "app", "../c0", "/var/log/pods/prod_web-0_u1/app/0.log", nil},
	} {
		if d := cmp.Diff(test.want, logOf(test.runtime, s, &container{id: test.id, name: test.name, logPath: test.path, asking: asking{asked: true}})); d != "" {
			t.Errorf("logOf(%q, %q, %q): %s", test.runtime, test.name, test.path, d)
		}
	}
}

// Before its status is known a container's log is taken to be at the usual place.
func TestLogOfNewContainer(t *testing.T) {
	t.Parallel()
	log := logOf(nameContainerd, &sandbox{namespace: "prod", name: "web-0", uid: "u1"}, &container{id: "c0", name: "app"})
	if log == nil || log.Dir != "prod_web-0_u1/app" {
		t.Errorf("log = %+v", log)
	}
}

// FuzzStatus has the property that no status breaks the conversion, and that what it makes of one is in bounds.
func FuzzStatus(f *testing.F) {
	f.Add(`{"pid":1,"runtimeSpec":{"linux":{"resources":{"cpu":{"quota":1,"period":0}}}}}`, "/var/log/pods/a_b_c/d/0.log", "Error", int64(-1))
	f.Add(`{"pid":-1}`, "", "", int64(1)<<62)
	f.Fuzz(func(t *testing.T, info, path, reason string, number int64) {
		c := &container{id: "c0", name: "d"}
		c.setStatus(&runtimeapi.ContainerStatusResponse{
			Status: &runtimeapi.ContainerStatus{
				LogPath: path, Reason: reason, Message: reason, StartedAt: number, FinishedAt: -number,
				Resources: &runtimeapi.ContainerResources{Linux: &runtimeapi.LinuxContainerResources{CpuQuota: number, CpuPeriod: -number, CpuShares: number}},
			},
			Info: map[string]string{"info": info},
		})
		s := &sandbox{namespace: "a", name: "b", uid: "c"}
		s.setStatus(&runtimeapi.PodSandboxStatusResponse{Info: map[string]string{"info": info}})
		if log := logOf(nameContainerd, s, c); log != nil && log.Dir != "a_b_c/d" {
			t.Errorf("directory %q", log.Dir)
		}
		if r := c.resources; r.CPULimit < 0 || r.CPURequest < 0 || r.MemoryLimit < 0 || c.pid < 0 || len(c.reason) > 4*maxReason+3 {
			t.Errorf("out of bounds: %+v", c)
		}
	})
}
