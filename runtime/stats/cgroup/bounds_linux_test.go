// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// walked is what List should return of trees that are not too large.
func walked(t *testing.T, roots ...string) []string {
	t.Helper()
	paths := []string{"/"}
	for _, root := range roots {
		must(t, filepath.WalkDir(root, func(p string, d iofs.DirEntry, err error) error {
			if err == nil && d.IsDir() && p != root {
				paths = append(paths, strings.TrimPrefix(p, root))
			}
			return err
		}))
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// layout makes an empty tree of version 1.
func layout(t *testing.T, controllers ...string) (*Tree, []string) {
	t.Helper()
	root := t.TempDir()
	var dirs []string
	for _, c := range controllers {
		dirs = append(dirs, filepath.Join(root, c))
		must(t, os.Mkdir(dirs[len(dirs)-1], 0o755))
	}
	tree, err := Open(Config{Root: root, Proc: root})
	must(t, err)
	return tree, dirs
}

// TestListRandom makes and removes cgroups at random and compares each list with a walk.
func TestListRandom(t *testing.T) {
	t.Parallel()
	tree, dirs := layout(t, "cpu,cpuacct", "memory", "systemd")
	random := rand.New(rand.NewPCG(1, 2))
	names := []string{"a", "b.slice", "c-1", "c", "d.service"}
	for step := range 400 {
		for range random.IntN(4) {
			dir := dirs[random.IntN(len(dirs))]
			for range random.IntN(4) {
				dir = filepath.Join(dir, names[random.IntN(len(names))])
			}
			switch {
			case slices.Contains(dirs, dir):
			case random.IntN(3) == 0:
				must(t, os.RemoveAll(dir))
			case random.IntN(6) == 0: // another one of the same name
				must(t, os.RemoveAll(dir))
				must(t, os.MkdirAll(dir, 0o755))
			default:
				must(t, os.MkdirAll(dir, 0o755))
			}
		}
		must(t, os.WriteFile(filepath.Join(dirs[0], fmt.Sprint("file", step)), nil, 0o644))
		got, err := tree.List()
		must(t, err)
		if diff := cmp.Diff(walked(t, dirs...), got); diff != "" {
			t.Fatalf("step %d (-want +got):\n%s", step, diff)
		}
	}
}

// TestListBounds: what others make in their cgroups is bounded, and does not take the place of the rest.
func TestListBounds(t *testing.T) {
	t.Parallel()
	tree, dirs := layout(t, "memory")
	evil := filepath.Join(dirs[0], "a.slice", "docker-"+id+".scope")
	for i := range maxDelegated + 100 {
		must(t, os.MkdirAll(filepath.Join(evil, fmt.Sprintf("%05d", i)), 0o755))
	}
	must(t, os.MkdirAll(filepath.Join(dirs[0], "z.slice", "ssh.service"), 0o755))
	for range 2 {
		got, err := tree.List()
		if !errors.Is(err, ErrTooMany) {
			t.Errorf("error %v", err)
		}
		if n := len(got); n != maxDelegated+5 || got[n-1] != "/z.slice/ssh.service" {
			t.Errorf("%d cgroups, the last is %q", n, got[n-1])
		}
	}
	must(t, os.RemoveAll(evil))
	deep := filepath.Join(dirs[0], strings.Repeat("d/", maxDepth+3))
	must(t, os.MkdirAll(deep, 0o755))
	got, err := tree.List()
	if !errors.Is(err, ErrTooMany) || len(got) != maxDepth+4 {
		t.Errorf("%d cgroups, %v", len(got), err)
	}
	must(t, os.RemoveAll(filepath.Join(dirs[0], "d")))
	got, err = tree.List()
	if diff := cmp.Diff([]string{"/", "/a.slice", "/z.slice", "/z.slice/ssh.service"}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for i := range maxGroups + 10 {
		must(t, os.Mkdir(filepath.Join(dirs[0], fmt.Sprintf("n%05d", i)), 0o755))
	}
	if got, err := tree.List(); !errors.Is(err, ErrTooMany) || len(got) != maxGroups {
		t.Errorf("%d cgroups, %v", len(got), err)
	}
}

// TestListDelegated: there may be so many in delegated cgroups that there is no room for them, but there is for all else.
func TestListDelegated(t *testing.T) {
	t.Parallel()
	tree, dirs := layout(t, "memory", "pids")
	tree.maxGroups = 100
	must(t, os.MkdirAll(filepath.Join(dirs[0], "z.slice", "ssh.service"), 0o755))
	want := []string{"/", "/kubepods"}
	for i := range 3 {
		container := filepath.Join("kubepods", strings.Repeat(fmt.Sprint(i), containerIDLength))
		want = append(want, "/"+container)
		for j := range 60 {
			must(t, os.MkdirAll(filepath.Join(dirs[j%2], container, fmt.Sprint("c", j)), 0o755))
		}
	}
	want = append(want, "/z.slice", "/z.slice/ssh.service")
	for range 2 {
		got, err := tree.List()
		if !errors.Is(err, ErrTooMany) || len(got) != 100 || !slices.IsSorted(got) {
			t.Errorf("%d cgroups, %v", len(got), err)
		}
		got = slices.DeleteFunc(got, func(p string) bool { return strings.Contains(p, "/c") })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("not delegated (-want +got):\n%s", diff)
		}
	}
	tree.maxGroups = 4
	if got, err := tree.List(); !errors.Is(err, ErrTooMany) || len(got) != 4 {
		t.Errorf("of four %q, %v", got, err)
	}
}

// TestListForbidden: who a cgroup is delegated to can forbid to read or to search it. All else is listed. The process has no capabilities to do so
// all the same, as noded by its unit.
func TestListForbidden(t *testing.T) {
	t.Parallel()
	tree, dirs := layout(t, "memory")
	user := filepath.Join(dirs[0], "user.slice", "user@1000.service")
	must(t, os.MkdirAll(filepath.Join(user, "app.slice", "a.service"), 0o755))
	must(t, os.MkdirAll(filepath.Join(dirs[0], "z.slice"), 0o755))
	t.Cleanup(func() { _ = os.Chmod(user, 0o755) }) // so that it can be removed
	const service = "/user.slice/user@1000.service"
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // it ends with the goroutine
		if err := dropOverride(); err != nil {
			t.Error(err)
			return
		}
		for _, step := range []struct {
			mode os.FileMode
			want []string
		}{
			{0o755, []string{service + "/app.slice", service + "/app.slice/a.service"}},
			{0o400, []string{service + "/app.slice"}}, // its names can be read
			{0o755, []string{service + "/app.slice", service + "/app.slice/a.service"}},
			{0o100, []string{service + "/app.slice", service + "/app.slice/a.service"}}, // known ones can be looked at
			{0, []string{service + "/app.slice"}},
			{0o755, []string{service + "/app.slice", service + "/app.slice/a.service"}},
		} {
			if err := os.Chmod(user, step.mode); err != nil {
				t.Error(err)
			}
			for range 2 {
				got, err := tree.List()
				want := slices.Concat([]string{"/", "/user.slice", service}, step.want, []string{"/z.slice"})
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Errorf("mode %o: %v (-want +got):\n%s", step.mode, err, diff)
				}
			}
		}
	}()
	<-ended
}

// dropOverride takes from this thread what lets it read and search what it may not.
func dropOverride() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	data[0].Effective &^= 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH
	return unix.Capset(&header, &data[0])
}

// TestListNames: a name that no message can have is left out, and a link is not followed.
func TestListNames(t *testing.T) {
	t.Parallel()
	tree, dirs := layout(t, "memory")
	must(t, os.MkdirAll(filepath.Join(dirs[0], "bad\xff", "below"), 0o755))
	must(t, os.MkdirAll(filepath.Join(dirs[0], "a b\\x2d"), 0o755))
	must(t, os.Symlink("/", filepath.Join(dirs[0], "link")))
	for range 2 {
		got, err := tree.List()
		if diff := cmp.Diff([]string{"/", "/a b\\x2d"}, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	must(t, os.RemoveAll(dirs[0]))
	if got, err := tree.List(); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("without a hierarchy: %v, %v", got, err)
	}
}
