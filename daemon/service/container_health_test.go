// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/inventory"
)

func TestContainerHealth(t *testing.T) {
	t.Parallel()
	missing := &fs.PathError{Op: "dial", Path: "/s", Err: fs.ErrNotExist}
	since := time.Unix(1_700_000_000, 0)
	live := []inventory.Pod{{Name: "a", Containers: []inventory.Container{{LoggedRuns: []uint32{0, 1}}}}}
	tests := []struct {
		name     string
		snapshot inventory.Snapshot
		err      error
		watching error
		named    string
		want     []string
	}{
		{
			name:     "a machine without containers",
			snapshot: inventory.Snapshot{LogTree: fs.ErrNotExist, Runtimes: []inventory.RuntimeStatus{{Name: "cri", Err: missing}, {Name: "docker", Socket: "/b", Err: missing}}},
			want: []string{
				"logs OK the directory /var/log/pods does not exist: no kubelet has run here",
				"runtime OK there is no container runtime: no socket at the usual places, no socket at /b",
			},
		},
		{
			name: "all is well",
			snapshot: inventory.Snapshot{Pods: live, Runtimes: []inventory.RuntimeStatus{
				{Name: "containerd", Version: "2.1", Socket: "/a", Since: since}, {Name: "docker", Socket: "/b", Err: missing},
			}},
			want: []string{"logs OK ", "runtime/containerd OK "},
		},
		{
			name: "the runtime went away",
			snapshot: inventory.Snapshot{Pods: live, Runtimes: []inventory.RuntimeStatus{
				{Name: "containerd", Socket: "/a", Since: since, Err: errors.New("connection refused")}, {Name: "docker", Socket: "/b", Since: since, Err: missing},
			}},
			want: []string{
				"logs OK ",
				"runtime/containerd UNAVAILABLE does not answer since 2023-11-14T22:13:20Z: connection refused; pods are shown as they were then",
				"runtime/docker UNAVAILABLE does not answer since 2023-11-14T22:13:20Z: there is no socket at /b; pods are shown as they were then",
			},
		},
		{
			name:     "no permission",
			snapshot: inventory.Snapshot{LogTree: fs.ErrPermission, Runtimes: []inventory.RuntimeStatus{{Name: "containerd", Socket: "/a", Err: fs.ErrPermission}}},
			want: []string{
				"logs UNAVAILABLE /var/log/pods may not be read by noded: run it as root",
				"runtime/containerd UNAVAILABLE noded may not connect to /a; its pods are known by their logs only",
			},
		},
		{
			name:     "a socket that was named",
			snapshot: inventory.Snapshot{Runtimes: []inventory.RuntimeStatus{{Socket: "/a", Err: missing}}},
			named:    "/a",
			want:     []string{"logs OK ", "runtime/unknown UNAVAILABLE there is no socket at /a; its pods are known by their logs only"},
		},
		{
			name:     "a directory that was named",
			snapshot: inventory.Snapshot{LogTree: fs.ErrNotExist},
			named:    "/var/log/pods",
			want:     []string{"logs UNAVAILABLE the directory /var/log/pods does not exist: check logs.pods_directory"},
		},
		{
			name:     "pods without a directory",
			snapshot: inventory.Snapshot{LogTree: fs.ErrNotExist, Pods: live},
			want:     []string{"logs UNAVAILABLE the directory /var/log/pods does not exist, although there are pods: check logs.pods_directory"},
		},
		{
			name:     "inotify is exhausted",
			watching: errors.New("no space left on device"),
			want:     []string{"logs DEGRADED new lines are looked for now and then: no space left on device"},
		},
		{name: "broken", err: errors.New("broken"), want: []string{"runtime UNAVAILABLE broken"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := ContainerHealth{
				Inventory:     &fakeInventory{snapshot: func() (*inventory.Snapshot, error) { return &tt.snapshot, tt.err }},
				PodsDirectory: "/var/log/pods",
				Watching:      func() error { return tt.watching },
				Named:         map[string]bool{},
			}
			if tt.named != "" {
				h.Named[tt.named] = true
			}
			var got []string
			for _, s := range h.sources(t.Context()) {
				got = append(got, fmt.Sprintf("%s %s %s", s.GetName(), s.GetState().String()[len("SOURCE_STATE_"):], s.GetMessage()))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("sources (-want +got):\n%s", diff)
			}
		})
	}
}
