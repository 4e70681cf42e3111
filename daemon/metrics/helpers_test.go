// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/runtime/stats/metric"
)

var update = flag.Bool("update", false, "write golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSource is a Source of functions. Those that are nil fail.
type fakeSource struct {
	snapshot    func() *stats.Snapshot
	machine     func() stats.Machine
	filesystems func() []stats.Filesystem
}

var errFake = errors.New("there is nothing")

func (f fakeSource) Snapshot(context.Context) (*stats.Snapshot, error) {
	if f.snapshot == nil {
		return nil, errFake
	}
	return f.snapshot(), nil
}

func (f fakeSource) Machine() (stats.Machine, error) {
	if f.machine == nil {
		return stats.Machine{}, errFake
	}
	return f.machine(), nil
}

func (f fakeSource) Filesystems(context.Context) ([]stats.Filesystem, error) {
	if f.filesystems == nil {
		return nil, errFake
	}
	return f.filesystems(), nil
}

// base is when the figures of fixtures were read.
var base = time.UnixMilli(1_700_000_000_123)

// numbers makes a set of pairs of ids and numbers.
func numbers(pairs ...uint64) metric.Set {
	var s metric.Set
	for i := 0; i < len(pairs); i += 2 {
		s.Put(metric.ID(pairs[i]), pairs[i+1])
	}
	return s
}

// full has every number, each another one, that grows with n.
func full(n uint64) metric.Set {
	var s metric.Set
	for id := range metric.Count {
		v := uint64(id+1) * (1000 + n)
		if id.Info().Unit == metric.UnitNanoseconds {
			v *= 1_000_001
		}
		s.Put(id, v)
	}
	s.Put(metric.CPULimit, 500)
	return s
}

func pod(namespace, name, uid string, started time.Time, n metric.Set) stats.Usage {
	return stats.Usage{
		Entity: &stats.Entity{
			Key: stats.Key{Kind: stats.KindPod, ID: uid}, Name: name, Namespace: namespace, UID: uid, Started: started,
			Cgroup: "/kubepods/burstable/pod" + uid, Labels: map[string]string{"app": "w\"eb", "app.kubernetes.io/name": name, "secret": "canary"},
		},
		Time: base, Numbers: n,
	}
}

func container(of *stats.Usage, name, id string, run uint32, started time.Time, n metric.Set) stats.Usage {
	return stats.Usage{
		Entity: &stats.Entity{
			Key: stats.Key{Kind: stats.KindContainer, ID: id}, Name: name, Namespace: of.Entity.Namespace, Pod: of.Entity.Name, UID: of.Entity.UID,
			ContainerID: id, Image: "registry.example/" + name + ":1", Run: run, Started: started, Cgroup: of.Entity.Cgroup + "/" + id,
		},
		Time: base.Add(time.Millisecond), Numbers: n,
	}
}

// nameless makes something known by its cgroup only. It still has a name that stands for the one that is not known, as the sampler's have.
func nameless(u stats.Usage) stats.Usage {
	u.Entity.Nameless, u.Entity.Image = true, ""
	return u
}

func unit(path string, n metric.Set) stats.Usage {
	return stats.Usage{
		Entity: &stats.Entity{
			Key: stats.Key{Kind: stats.KindUnit, ID: path}, Name: path[strings.LastIndexByte(path, '/')+1:], Cgroup: "/" + path,
		},
		Time: base.Add(2 * time.Millisecond), Numbers: n,
	}
}

// fixture is a node with a pod of two containers, one of which was restarted, a pod that was made again, a container in no pod, units, and what
// is known by its cgroup only.
func fixture() *stats.Snapshot {
	web := pod("default", "web-0", "11111111-aaaa", base.Add(-time.Hour), full(1))
	old := pod("kube-system", "etcd", "22222222-old", base.Add(-2*time.Hour), numbers(uint64(metric.CPUUsage), 7e9, uint64(metric.MemoryWorkingSet), 7))
	again := pod("kube-system", "etcd", "33333333-new", base.Add(-time.Minute), numbers(uint64(metric.CPUUsage), 1_500_000_000, uint64(metric.MemoryWorkingSet), 1<<20, uint64(metric.MemorySwap), 0))
	unknown := nameless(pod("", "44444444-unknown", "44444444-unknown", time.Time{}, numbers(uint64(metric.CPUUsage), 1)))
	unknownContainer := nameless(container(&unknown, "3fa9c0ffee00", "3fa9c0ffee001122", 0, time.Time{}, numbers(uint64(metric.CPUUsage), 1, uint64(metric.MemoryWorkingSet), 1)))
	starting := nameless(container(&web, "5fa9c0ffee00", "5fa9c0ffee001122", 0, time.Time{}, numbers(uint64(metric.CPUUsage), 1, uint64(metric.MemoryWorkingSet), 1)))
	bare := pod("default", "bare", "55555555-bare", base.Add(-time.Hour), numbers(uint64(metric.NetworkReceiveBytes), 5))
	bare.Entity.Cgroup = ""
	docker := stats.Usage{
		Entity: &stats.Entity{Key: stats.Key{Kind: stats.KindContainer, ID: "d0c"}, Name: "registry", ContainerID: "d0c", Image: "registry:2", Cgroup: "/docker/d0c"},
		Time:   base, Numbers: numbers(uint64(metric.CPUUsage), 2e9, uint64(metric.MemoryUsage), 4096),
	}
	tiny := numbers(uint64(metric.CPUUsage), 1e9, uint64(metric.MemoryWorkingSet), 4096, uint64(metric.MemoryUsage), 8192)
	return &stats.Snapshot{
		Sequence: 42, Time: base, Interval: 10 * time.Second, Problems: []string{"containerd does not answer"},
		Node: stats.Usage{Entity: &stats.Entity{Key: stats.Key{Kind: stats.KindNode}, Name: "n1", Cgroup: "/"}, Time: base, Numbers: full(0)},
		Usages: []stats.Usage{
			web,
			container(&web, "app", "a1", 0, base.Add(-time.Hour), tiny),
			container(&web, "app", "a2", 1, base.Add(-time.Minute), full(2)),
			container(&web, "idle", "b1", 0, base.Add(-time.Hour), numbers(uint64(metric.CPUUsage), 0, uint64(metric.MemoryWorkingSet), 4096)),
			old, container(&old, "etcd", "e1", 0, base.Add(-2*time.Hour), tiny), container(&old, "sidecar", "e2", 0, base.Add(-2*time.Hour), tiny),
			again, container(&again, "etcd", "e3", 0, base.Add(-30500*time.Millisecond), tiny),
			starting, bare, unknown, unknownContainer, docker,
			unit("system.slice", tiny), unit("system.slice/ssh.service", full(3)),
			unit("system.slice/system-getty.slice/getty@tty1.service", tiny), unit("system.slice/bad\\x2d\n\"\xff.service", tiny),
		},
	}
}

func fixtureSource() fakeSource {
	return fakeSource{
		snapshot: fixture,
		machine: func() stats.Machine {
			return stats.Machine{CPUs: 4, Cores: 2, Sockets: 1, MemoryBytes: 8 << 30}
		},
		filesystems: func() []stats.Filesystem {
			return []stats.Filesystem{
				{MountPoint: "/", Device: "/dev/vda1", CapacityBytes: 100 << 30, UsedBytes: 40 << 30, Inodes: 1000, InodesFree: 900},
				{MountPoint: "/var/lib/x", Device: "/dev/vda1", CapacityBytes: 100 << 30, UsedBytes: 40 << 30, Inodes: 1000, InodesFree: 900},
				{MountPoint: "/data", Device: "pool/\"data\"", CapacityBytes: 1 << 40, UsedBytes: 1 << 30},
			}
		},
	}
}

func newServer(t testing.TB, change func(*Config)) *Server {
	t.Helper()
	c := Config{
		Listen: "127.0.0.1:9842", Device: "/dev/vda", Source: fixtureSource(), Version: "1.2.3", PodLabels: []string{"app", "app.kubernetes.io/name", "none"},
		Values: func() []Value {
			return []Value{{Name: "noded_open_streams", Help: "Calls that last.", Value: 3}, {Name: "noded_samples_total", Help: "Samples.", Counter: true, Value: 1e9}}
		},
	}
	if change != nil {
		change(&c)
	}
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// get scrapes a path and returns the body and the type of its content.
func get(t testing.TB, m *Server, path, accept string) (body, contentType string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("GET %s: %d %s", path, w.Code, w.Body)
	}
	data, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data), w.Header().Get("Content-Type")
}

const openAccept = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// large is a node with pods of two containers each, and units.
func large(pods, units int) *stats.Snapshot {
	s := &stats.Snapshot{Sequence: 1, Time: base, Interval: 10 * time.Second, Node: fixture().Node}
	for i := range pods {
		p := pod("namespace-"+fmt.Sprint(i%10), fmt.Sprintf("deployment-%d-6d4cf56db6-x%04d", i%30, i), fmt.Sprintf("%08x-8a1f-4a5e-9d2b-0123456789ab", i), base.Add(-time.Hour), full(uint64(i)))
		s.Usages = append(s.Usages, p)
		for j := range 2 {
			s.Usages = append(s.Usages, container(&p, fmt.Sprintf("container-%d", j), fmt.Sprintf("%064x", i*2+j), 0, base.Add(-time.Hour), full(uint64(i+j))))
		}
	}
	for i := range units {
		s.Usages = append(s.Usages, unit(fmt.Sprintf("system.slice/unit-%d.service", i), full(uint64(i))))
	}
	return s
}
