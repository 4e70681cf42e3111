// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package inventory

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/noded/noded/runtime/logtree"
	"github.com/noded/noded/runtime/safefs"
)

// write makes an empty log file that was written to at a time.
func write(t *testing.T, root, dir, name string, when time.Time) {
	t.Helper()
	file := filepath.Join(root, filepath.FromSlash(dir), name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, when, when); err != nil {
		t.Fatal(err)
	}
}

func TestRealTree(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "pods")
	i := New(Config{Tree: logtree.New(safefs.NewRoot(root)), Sources: []Source{answering()}})
	start(t, i)
	await(t, i, "no tree", func(s *Snapshot) bool { return errors.Is(s.LogTree, fs.ErrNotExist) })
	write(t, root, "prod_web_u-1/app", "0.log", at(10))
	write(t, root, "prod_web_u-2/app", "0.log", at(5))
	await(t, i, "two pods", func(s *Snapshot) bool { return len(s.Pods) == 2 && len(s.Pods[1].Containers) == 1 })
	write(t, root, "prod_web_u-2/side", "0.log", at(5))
	s := await(t, i, "another container", func(s *Snapshot) bool { return len(s.Pods) == 2 && len(s.Pods[1].Containers) == 2 })
	if p, err := s.Pod("prod", "web", ""); err != nil || p.UID != "u-1" {
		t.Errorf("the newest pod = %s, %v", p.UID, err)
	}
	if err := os.RemoveAll(filepath.Join(root, "prod_web_u-1")); err != nil {
		t.Fatal(err)
	}
	await(t, i, "one pod", func(s *Snapshot) bool { return len(s.Pods) == 1 })
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	await(t, i, "no tree again", func(s *Snapshot) bool { return errors.Is(s.LogTree, fs.ErrNotExist) && len(s.Pods) == 0 })
}
