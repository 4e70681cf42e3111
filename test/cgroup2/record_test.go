// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build cgroup2

package cgroup2

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/noded/noded/test/containerd"
)

// recording is where TestRecord leaves what it recorded: runtime/stats/cgroup/testdata/recorded2.txtar.
const recording = "/shared/recorded2.txtar"

// recordedUID and recordedID are what a pod and its container are called in what is recorded, as in the tests that read it.
const (
	recordedUID = "0f3c1a52-7d64-4b8e-9a1f-2c5d6e7f8091"
	recordedID  = "a172cedcae47474b615c54d510a5d84a8dea3032e958587430b413538be3f333"
)

// files are what is recorded of a cgroup.
var files = []string{
	"cgroup.controllers", "cgroup.procs", "cpu.max", "cpu.pressure", "cpu.stat", "cpu.weight", "io.pressure", "io.stat", "memory.current",
	"memory.events", "memory.max", "memory.peak", "memory.pressure", "memory.stat", "memory.swap.current", "memory.swap.max", "pids.current", "pids.max",
}

// TestRecord records the files of the root, of a service, and of pods that each driver of cgroups made.
func TestRecord(t *testing.T) {
	archive := txtar.Archive{Comment: []byte("Recorded by test/cgroup2: see README.md.\n")}
	record(t, &archive, "/", "/")
	t.Run("service", func(t *testing.T) { recordService(t, &archive) })
	for _, driver := range []string{"systemd", "cgroupfs"} {
		t.Run(driver, func(t *testing.T) { recordPod(t, &archive, driver == "systemd") })
	}
	if err := os.WriteFile(recording, txtar.Format(&archive), 0o600); err != nil {
		t.Fatal(err)
	}
}

// recordService records a service that has used all there is.
func recordService(t *testing.T, archive *txtar.Archive) {
	t.Helper()
	swapOn(t)
	s := startCommand(t, "web", []string{"CPUQuota=40%", "CPUWeight=50", "TasksMax=99", "MemoryMax=32M", "MemorySwapMax=64M", "OOMPolicy=continue"}, "sh", "-c",
		`dd if=/dev/zero of=/disk/written bs=64k count=48 oflag=direct
dd if=/disk/written of=/dev/null bs=64k count=16 iflag=direct
exec "$0" child:alloc:128 alloc:48 pause`, workload)
	until(t, "the service has used what it may", func() bool {
		return s.file("memory.events", "oom_kill") == 1 && s.file("memory.swap.current", "") > 16<<20 && s.file("memory.stat", "anon") > 8<<20
	})
	record(t, archive, "/system.slice/"+s.name, "/system.slice/"+s.name)
}

// recordPod records a pod with a container.
func recordPod(t *testing.T, archive *txtar.Archive, systemd bool) {
	t.Helper()
	cd := containerd.StartWith(t, containerd.Config{Release: containerd.Debian, SystemdCgroup: systemd})
	ctx := t.Context()
	pod, err := cd.RunPod(ctx, containerd.Pod{Name: "web-0", UID: recordedUID, HostNetwork: true})
	if err != nil {
		t.Fatal(err)
	}
	c, err := pod.Start(ctx, containerd.Container{
		Name: "app", Args: []string{"child:alloc:128", "alloc:20", "burn:900"}, CPULimit: 300, CPURequest: 300, MemoryLimit: 64 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	var dir string
	until(t, "the container's cgroup", func() bool {
		dir = find(t, hierarchy, c.ID)
		return dir != ""
	})
	until(t, "the container has used what it may", func() bool {
		text, err := os.ReadFile(filepath.Join(dir, "memory.events"))
		return err == nil && strings.Contains(string(text), "oom_kill 1\n") && strings.Contains(read(t, filepath.Join(dir, "cpu.stat")), "nr_throttled ") &&
			!strings.Contains(read(t, filepath.Join(dir, "cpu.stat")), "nr_throttled 0\n")
	})
	// The names without what keeps tests from each other.
	path := strings.TrimPrefix(dir, hierarchy)
	parts := strings.Split(path, "/")
	called := strings.ReplaceAll(strings.ReplaceAll(strings.TrimPrefix(path, "/"+parts[1]), strings.TrimSuffix(parts[1], ".slice")+"-", ""), c.ID, recordedID)
	record(t, archive, filepath.Dir(path), filepath.Dir(called))
	record(t, archive, path, called)
}

// find returns the directory of a container, or nothing.
func find(t *testing.T, root, id string) (dir string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.Contains(d.Name(), id) {
			dir = path
			return fs.SkipAll
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went meanwhile
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// record adds a cgroup by another name.
func record(t *testing.T, archive *txtar.Archive, path, called string) {
	t.Helper()
	for _, name := range files {
		if path == "/" && name == "cgroup.procs" {
			continue // all of the machine
		}
		text, err := os.ReadFile(filepath.Join(hierarchy, path, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		archive.Files = append(archive.Files, txtar.File{Name: filepath.Join("cgroup", called, name), Data: text})
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
