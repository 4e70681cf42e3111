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
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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
	names := []string{"a", "b.slice", "c-1", "c"}
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
