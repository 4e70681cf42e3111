// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// listed returns what List returns at or below a path.
func listed(t *testing.T, tree *Tree, path string) []string {
	t.Helper()
	paths, err := tree.List()
	must(t, err)
	if len(paths) == 0 || paths[0] != "/" || !slices.IsSorted(paths) {
		t.Errorf("not sorted from the root: %d paths", len(paths))
	}
	return slices.DeleteFunc(paths, func(p string) bool { return p != path && !strings.HasPrefix(p, path+"/") })
}

func TestListChanges(t *testing.T) {
	t.Parallel()
	path, dirs := makeCgroup(t)
	tree := openTree(t)
	expect := func(names ...string) {
		t.Helper()
		want := []string{path}
		for _, name := range names {
			want = append(want, path+"/"+name)
		}
		if got := listed(t, tree, path); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	remove := func(dirs []string) {
		t.Helper()
		for _, dir := range dirs {
			must(t, unix.Rmdir(dir))
		}
	}
	expect()
	a := makeIn(t, dirs, "a")
	expect("a")
	in := makeIn(t, a, "in")
	expect("a", "a/in")
	// One goes and another comes: the number of links stays.
	remove(in)
	remove(a)
	makeIn(t, dirs, "b")
	expect("b")
	remove(makeIn(t, dirs, "c"))
	expect("b")
}

func TestListMany(t *testing.T) {
	t.Parallel()
	path, dirs := makeCgroup(t)
	const n = 2000
	// One hierarchy is enough: what any of them has is listed.
	dir := dirs[slices.IndexFunc(dirs, func(d string) bool { return strings.Contains(d, "pids") || filepath.Dir(d) == "/sys/fs/cgroup" })]
	for i := range n {
		must(t, os.Mkdir(filepath.Join(dir, fmt.Sprintf("c%04d", i)), 0o755))
	}
	if got := len(listed(t, openTree(t), path)); got != n+1 {
		t.Errorf("%d cgroups, want %d", got, n+1)
	}
}
