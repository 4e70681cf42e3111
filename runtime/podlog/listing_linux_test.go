// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/safefs"
)

// changing is a directory in which something happens before a look at a name, and other things before the next ones.
type changing struct {
	*safefs.Dir
	looks   int
	changes []func()
}

func (c *changing) Stat(name string) (fs.FileInfo, error) {
	if c.looks--; c.looks < 0 && len(c.changes) > 0 {
		c.changes[0]()
		c.changes = c.changes[1:]
	}
	return c.Dir.Stat(name)
}

// A listing has all files in their order, whenever they are rotated meanwhile.
func TestListWhileRotated(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		layout Layout
		live   string
		files  []string
		rotate [][2]string
	}{
		{"docker", LayoutDocker, "c0ffee-json.log", []string{"c0ffee-json.log.2", "c0ffee-json.log.1"}, [][2]string{
			{"c0ffee-json.log.1", "c0ffee-json.log.2"}, {"c0ffee-json.log", "c0ffee-json.log.1"},
		}},
		{"kubelet", LayoutCRI, "0.log", []string{"0.log.20261123-200000", "0.log.20261123-200001"}, [][2]string{
			{"0.log", "0.log.20261123-200002"},
		}},
		{"renamed back", LayoutCRI, "0.log", []string{"0.log.20261123-200000", "0.log.20261123-200001"}, nil},
	} {
		for looks := range 7 {
			t.Run(fmt.Sprintf("%s after %d", tt.name, looks), func(t *testing.T) {
				t.Parallel()
				root := t.TempDir()
				write := func(name string) uint64 {
					f, err := os.OpenFile(filepath.Join(root, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
					if err != nil {
						t.Fatal(err)
					}
					defer f.Close()
					info, err := f.Stat()
					if err != nil {
						t.Fatal(err)
					}
					inode, _ := safefs.Inode(info)
					return inode
				}
				rename := func(from, to string) {
					if err := os.Rename(filepath.Join(root, from), filepath.Join(root, to)); err != nil {
						t.Error(err)
					}
				}
				var want []uint64
				for _, name := range tt.files {
					want = append(want, write(name))
				}
				want = append(want, write(tt.live))
				dir, err := safefs.NewRoot(root).OpenDir(".")
				if err != nil {
					t.Fatal(err)
				}
				defer dir.Close()
				c := &changing{Dir: dir, looks: looks, changes: []func(){func() {
					for _, names := range tt.rotate {
						rename(names[0], names[1])
					}
					want = append(want, write(tt.live))
					if tt.layout == LayoutDocker {
						want = want[1:] // it was removed
					}
				}}}
				if tt.rotate == nil {
					c.changes = []func(){func() { rename(tt.live, "elsewhere") }, func() { rename("elsewhere", tt.live) }}
				}
				entries, err := list(c, tt.layout, "c0ffee")
				if err != nil {
					t.Fatal(err)
				}
				var got []uint64
				for _, e := range entries {
					got = append(got, e.inode)
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Error(d)
				}
			})
		}
	}
}
