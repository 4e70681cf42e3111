// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package logtree

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/noded/noded/runtime/safefs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const uid = "0b0a7a0e-5f0c-4b55-9c3b-1f5d0a3f1c11"

// write makes empty files, and directories for names that end in a slash.
func write(tb testing.TB, dir string, names ...string) {
	tb.Helper()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				tb.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o640); err != nil {
			tb.Fatal(err)
		}
	}
}

func newTree(dir string) *Tree { return New(safefs.NewRoot(dir)) }

func TestPods(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir,
		"default_web-0_"+uid+"/web/0.log",
		"default_web-0_"+uid+"/web/10.log",
		"default_web-0_"+uid+"/web/2.log.20260102-150405",
		"default_web-0_"+uid+"/web/2.log.20260102-150405.gz",
		"default_web-0_"+uid+"/web/3.log.20260102-150405.tmp",
		"default_web-0_"+uid+"/web/core",
		"default_web-0_"+uid+"/web/4.log/",
		"default_web-0_"+uid+"/init/",
		"default_web-0_"+uid+"/Not_A_Container/0.log",
		"default_web-0_"+uid+"/file",
		"default_web-0_a/web/0.log",
		"default_web.0_"+uid+"/",
		"kube-system_etcd-node1_3d2c6f8f4ca24a8a2d8f9ce7f1d9f4f0/etcd/4294967295.log",
		"kube_system_"+uid+"/",
		"file",
	)
	got, omitted, err := newTree(dir).Pods()
	if err != nil {
		t.Fatal(err)
	}
	want := []Pod{
		{Namespace: "default", Name: "web-0", UID: uid, Dir: "default_web-0_" + uid, Containers: []Container{
			{Name: "init"}, {Name: "web", Runs: []uint32{0, 2, 10}},
		}},
		{Namespace: "default", Name: "web-0", UID: "a", Dir: "default_web-0_a", Containers: []Container{{Name: "web", Runs: []uint32{0}}}},
		{Namespace: "default", Name: "web.0", UID: uid, Dir: "default_web.0_" + uid, Containers: []Container{}},
		{Namespace: "kube", Name: "system", UID: uid, Dir: "kube_system_" + uid, Containers: []Container{}},
		{
			Namespace: "kube-system", Name: "etcd-node1", UID: "3d2c6f8f4ca24a8a2d8f9ce7f1d9f4f0",
			Dir:        "kube-system_etcd-node1_3d2c6f8f4ca24a8a2d8f9ce7f1d9f4f0",
			Containers: []Container{{Name: "etcd", Runs: []uint32{math.MaxUint32}}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Pods (-want +got):\n%s", diff)
	}
	if want := (Omitted{Names: 3}); omitted != want { // Not_A_Container and the two files
		t.Errorf("omitted %+v, want %+v", omitted, want)
	}
}

func TestNoTree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"none", "none/none"} {
		if _, _, err := newTree(filepath.Join(dir, name)).Pods(); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Pods of %s = %v, want fs.ErrNotExist", name, err)
		}
	}
	write(t, dir, "file")
	if _, _, err := newTree(filepath.Join(dir, "file")).Pods(); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Pods of a file = %v, want another error", err)
	}
}

// TestLinks: what is a link, or in a directory that is one, is not there.
func TestLinks(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	dir := filepath.Join(top, "pods")
	write(t, top, "elsewhere/web/0.log", "elsewhere/0.log")
	write(t, dir, "a_b_c/web/1.log", "a_b_c/linked/")
	for name, target := range map[string]string{
		"x_y_z": "../elsewhere", "a_b_c/link": "../../elsewhere/web", "a_b_c/linked/0.log": "../../../elsewhere/0.log",
		"l_o_op": "l_o_op", "r_o_ot": "/",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	got, omitted, err := newTree(dir).Pods()
	if err != nil {
		t.Fatal(err)
	}
	want := []Pod{{Namespace: "a", Name: "b", UID: "c", Dir: "a_b_c", Containers: []Container{
		{Name: "linked"}, {Name: "web", Runs: []uint32{1}},
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Pods (-want +got):\n%s", diff)
	}
	if want := (Omitted{Names: 4}); omitted != want {
		t.Errorf("omitted %+v, want %+v", omitted, want)
	}
	if _, err := newTree(dir).LastWrite("x_y_z"); !errors.Is(err, safefs.ErrUnsafe) {
		t.Errorf("LastWrite of a link = %v, want ErrUnsafe", err)
	}
}

func TestLastWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "a_b_c/web/0.log", "a_b_c/web/1.log", "a_b_c/db/0.log", "a_b_c/db/other", "d_e_f/web/")
	for i, name := range []string{"web/0.log", "web/1.log", "db/0.log", "db/other"} {
		when := time.Unix(int64(1000+i), 0)
		if err := os.Chtimes(filepath.Join(dir, "a_b_c", name), when, when); err != nil {
			t.Fatal(err)
		}
	}
	tree := newTree(dir)
	for pod, want := range map[string]time.Time{"a_b_c": time.Unix(1002, 0), "d_e_f": {}, "no_n_e": {}} {
		if got, err := tree.LastWrite(pod); err != nil || !got.Equal(want) {
			t.Errorf("LastWrite(%s) = %v, %v, want %v", pod, got, err, want)
		}
	}
	for _, pod := range []string{"", "..", "../a_b_c", "."} {
		if got, err := tree.LastWrite(pod); err == nil {
			t.Errorf("LastWrite(%s) = %v, want an error", pod, got)
		}
	}
}

// TestRubbish: a container's directory full of files hides no other, and no file of another makes a run.
func TestRubbish(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	names := make([]string, 0, maxFiles+2)
	for i := range maxFiles + 1 {
		names = append(names, fmt.Sprintf("a_b_c/bad/%d.log", i))
	}
	write(t, dir, append(names, "a_b_c/web/1.log")...)
	names = names[:0]
	for i := range maxContainers + 1 {
		names = append(names, fmt.Sprintf("a_b_d/c%d/", i))
	}
	write(t, dir, append(names, "a_b_e/web/1.log")...)
	pods, omitted, err := newTree(dir).Pods()
	if err != nil || len(pods) != 3 {
		t.Fatalf("%d pods, %v", len(pods), err)
	}
	if n := len(pods[0].Containers[0].Runs); n != maxFiles {
		t.Errorf("%d runs, want %d", n, maxFiles)
	}
	if n := len(pods[1].Containers); n != maxContainers {
		t.Errorf("%d containers, want %d", n, maxContainers)
	}
	web := []Container{{Name: "web", Runs: []uint32{1}}}
	if diff := cmp.Diff(web, pods[0].Containers[1:]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(web, pods[2].Containers); diff != "" {
		t.Error(diff)
	}
	if want := (Omitted{Full: 2}); omitted != want {
		t.Errorf("omitted %+v, want %+v", omitted, want)
	}
}

// TestHuge lists a tree of 20,000 pods with 50,000 files.
func TestHuge(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	huge(t, dir, 20_000, 50_000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	pods, omitted, err := newTree(dir).Pods()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if err != nil || omitted != (Omitted{}) || len(pods) != 20_000 {
		t.Fatalf("%d pods, omitted %+v, %v", len(pods), omitted, err)
	}
	files := 0
	for _, p := range pods {
		for _, c := range p.Containers {
			files += len(c.Runs)
		}
	}
	if files != 50_000 {
		t.Errorf("%d files, want 50,000", files)
	}
	// Other tests allocate meanwhile, and machines are of different speed: the bounds are generous.
	if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 128<<20 {
		t.Errorf("%d MiB were allocated", bytes>>20)
	}
	if took > 2*time.Minute {
		t.Errorf("it took %v", took)
	}
	t.Logf("%v, %d MiB allocated", took, (after.TotalAlloc-before.TotalAlloc)>>20)
	write(t, dir, "z_z_z/web/0.log")
	if pods, omitted, err = newTree(dir).Pods(); err != nil || omitted != (Omitted{Full: 1}) || len(pods) != maxPods {
		t.Errorf("%d pods, omitted %+v, %v, want %d and one full", len(pods), omitted, err, maxPods)
	}
}

// huge makes a tree.
func huge(tb testing.TB, dir string, pods, files int) {
	tb.Helper()
	for i := range pods {
		c := filepath.Join(dir, fmt.Sprintf("default_web-%d_%032x", i, i), "web")
		if err := os.MkdirAll(c, 0o755); err != nil {
			tb.Fatal(err)
		}
		for j := range files*(i+1)/pods - files*i/pods {
			if err := os.WriteFile(filepath.Join(c, fmt.Sprintf("%d.log", j)), nil, 0o640); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

func TestParseRun(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int64{
		"0.log": 0, "7.log": 7, "4294967295.log": math.MaxUint32, "1.log.20260102-150405": 1, "1.log.20260102-150405.gz": 1,
		"1.log.1": 1, "4294967296.log": -1, "00.log": -1, "01.log": -1, "+1.log": -1, "-1.log": -1, ".log": -1, "log": -1, "": -1,
		"1.log.": -1, "1.logs": -1, "1.log.x.tmp": -1, "1.log.tmp": -1, "a.log": -1, "1_0.log": -1, "0x1.log": -1, "1": -1,
		"99999999999999999999999.log": -1, "1.1.log": -1,
	} {
		run, ok := parseRun(name)
		if ok != (want >= 0) || ok && int64(run) != want {
			t.Errorf("parseRun(%q) = %v, %v, want %d", name, run, ok, want)
		}
	}
}

func TestParsePod(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	for _, dir := range []string{
		"default_web_" + uid, "a_b_c", "0_1_2", long + "_a_b", "a_" + strings.Repeat("a", 253) + "_b", "a_a.b-c.d_A-b.C", "a_a--b_c",
		"a_b_" + strings.Repeat("f", 128),
	} {
		p, ok := parsePod(dir)
		if !ok || p.Dir != dir || p.Namespace+"_"+p.Name+"_"+p.UID != dir {
			t.Errorf("parsePod(%q) = %v, %v", dir, p, ok)
		}
	}
	for _, dir := range []string{
		"", "_", "__", "a", "a_b", "a_b_", "a__c", "_b_c", "a_b_c_d", "A_b_c", "a_B_c", "-a_b_c", "a-_b_c", "a.b_b_c", "a_.b_c", "a_b._c",
		"a_b..c_d", "a_b.-c_d", "a_b-.c_d", "a_-b_c", "a_b-_c", long + "a_b_c", "a_" + strings.Repeat("a", 254) + "_c",
		"a_b_" + strings.Repeat("f", 129), "a_b_..", "a_b_-c", "a_b_.c", "a_b_c/d", "a_b_c\n", "ä_b_c", "a_b_\x00", "a_b_c ", "..", ".",
	} {
		if p, ok := parsePod(dir); ok {
			t.Errorf("parsePod(%q) = %v, want nothing", dir, p)
		}
	}
}

// FuzzParsePod: what is accepted is only what it was made of, and can be no path.
func FuzzParsePod(f *testing.F) {
	f.Add("default_web_" + uid)
	f.Add("a_b.c_..")
	f.Fuzz(func(t *testing.T, dir string) {
		p, ok := parsePod(dir)
		if !ok {
			return
		}
		if p.Namespace+"_"+p.Name+"_"+p.UID != dir || strings.ContainsAny(dir, "/\\\x00") || !fs.ValidPath(dir) || strings.Contains(dir, "__") {
			t.Errorf("parsePod(%q) = %v", dir, p)
		}
		if parts := strings.Split(dir, "_"); !slices.Equal(parts, []string{p.Namespace, p.Name, p.UID}) {
			t.Errorf("parsePod(%q) = %v, want %v", dir, p, parts)
		}
	})
}

// FuzzParseRun: a number is written in one way only.
func FuzzParseRun(f *testing.F) {
	f.Add("1.log.20260102-150405.gz")
	f.Fuzz(func(t *testing.T, name string) {
		if run, ok := parseRun(name); ok && !strings.HasPrefix(name, fmt.Sprintf("%d.log", run)) {
			t.Errorf("parseRun(%q) = %d", name, run)
		}
	})
}

func BenchmarkPods(b *testing.B) {
	dir := b.TempDir()
	huge(b, dir, 250, 1000)
	tree := newTree(dir)
	b.ReportAllocs()
	for b.Loop() {
		if pods, _, err := tree.Pods(); err != nil || len(pods) != 250 {
			b.Fatal(len(pods), err)
		}
	}
}
