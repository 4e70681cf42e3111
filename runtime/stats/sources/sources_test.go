// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package sources

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/cgroup"
	"github.com/noded/noded/runtime/stats/host"
	"github.com/noded/noded/runtime/stats/metric"
)

// write makes files below a directory.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTree(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, root, map[string]string{
		"cgroup.controllers":                        "cpu memory\n",
		"system.slice/ssh.service/cpu.stat":         "usage_usec 1500000\nuser_usec 1000000\nsystem_usec 500000\n",
		"system.slice/ssh.service/memory.current":   "1048576\n",
		"system.slice/ssh.service/cgroup.procs":     "",
		"system.slice/ssh.service/cgroup.events":    "populated 1\n",
		"system.slice/cgroup.controllers":           "cpu memory\n",
		"system.slice/ssh.service/memory.stat":      "anon 4096\nfile 8192\ninactive_file 4096\n",
		"system.slice/ssh.service/cgroup.type":      "domain\n",
		"system.slice/ssh.service/cgroup.freeze":    "0\n",
		"system.slice/ssh.service/cgroup.stat":      "nr_descendants 0\n",
		"system.slice/ssh.service/cgroup.max.depth": "max\n",
	})
	real, err := cgroup.Open(cgroup.Config{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	tree := Tree(real)
	paths, err := tree.List()
	if err != nil || !cmp.Equal(paths, []string{"/", "/system.slice", "/system.slice/ssh.service"}) || tree.Version() != 2 {
		t.Fatalf("List() = %v, %v, version %d", paths, err, tree.Version())
	}
	g, err := tree.Open("/system.slice/ssh.service")
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	var set metric.Set
	r, err := g.Read(&set)
	if err != nil || r.Time.IsZero() || r.Boot <= 0 || r.Inode == 0 {
		t.Fatalf("Read() = %+v, %v", r, err)
	}
	if cpu, memory := set.Value(metric.CPUUsage), set.Value(metric.MemoryUsage); cpu != 1500000000 || memory != 1<<20 {
		t.Errorf("cpu %d, memory %d", cpu, memory)
	}
	if _, err := tree.Open("/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Open of none: %v", err)
	}
	if Tree(nil) != nil || Host(nil, "") != nil || History(nil) != nil {
		t.Error("nothing is something")
	}
}

func TestClassify(t *testing.T) {
	t.Parallel()
	id, uid := strings.Repeat("ab", 32), "0a1b2c3d-0000-4000-8000-123456789abc"
	for path, want := range map[string]stats.Name{
		"/":                             {},
		"/kubepods":                     {},
		"/system.slice/ssh.service":     {Kind: stats.KindUnit, Unit: "ssh.service"},
		"/kubepods/burstable/pod" + uid: {Kind: stats.KindPod, PodUID: uid},
		"/kubepods/burstable/pod" + uid + "/" + id:       {Kind: stats.KindContainer, PodUID: uid, ContainerID: id},
		"/docker/" + id + "/system.slice":                {Nested: true},
		"/system.slice/containerd.service/" + id:         {Kind: stats.KindContainer, ContainerID: id, Nested: true},
		"/system.slice/docker-" + id + ".scope":          {Kind: stats.KindContainer, ContainerID: id},
		"/user.slice/user@0.service/app.slice/a.service": {Kind: stats.KindUnit, Unit: "a.service", Nested: true},
	} {
		if got := (tree{}).Classify(path); got != want {
			t.Errorf("Classify(%q) = %+v, want %+v", path, got, want)
		}
	}
}

func TestInContainer(t *testing.T) {
	t.Parallel()
	proc, id := t.TempDir(), strings.Repeat("c0", 32)
	write(t, proc, map[string]string{
		"7/cgroup": "12:memory:/kubepods/burstable/pod1/" + id + "\n0::/system.slice/containerd.service\n",
		"8/cgroup": "0::/../../kubepods.slice/cri-containerd-" + id + ".scope/init.scope\n",
		"9/cgroup": "0::/system.slice/ssh.service\n",
	})
	h := Host(host.New(host.Config{Proc: proc}), proc)
	for _, test := range []struct {
		pid  int
		id   string
		want bool
	}{{7, id, true}, {8, id, true}, {9, id, false}, {7, "", false}} {
		if is, err := h.InContainer(test.pid, test.id); is != test.want || err != nil {
			t.Errorf("InContainer(%d, %q) = %v, %v", test.pid, test.id, is, err)
		}
	}
	if _, err := h.InContainer(10, id); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("InContainer of none: %v", err)
	}
	if h := Host(host.New(host.Config{}), ""); h.(node).proc != "/proc" {
		t.Errorf("proc is %q", h.(node).proc)
	}
}
