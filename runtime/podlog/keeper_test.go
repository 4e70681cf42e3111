// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/safefs"
)

// TestKeeperOrder: files stay in the order in which they came, whichever of them is not listed any more, and new ones come
// after them.
func TestKeeperOrder(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	const dir = "default_web_0f1e/app"
	path := func(name string) string { return filepath.Join(root, dir, name) }
	write := func(name string) {
		if err := os.WriteFile(path(name), []byte("2026-11-23T20:00:00Z stdout F "+name+"\n"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(path(""), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"0.log.20261123-200001", "0.log.20261123-200002", "0.log.20261123-200003", "0.log.20261123-200004"} {
		write(name)
	}
	// Who reads the first one has it open.
	first, err := os.Open(path("0.log.20261123-200001"))
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	at := safefs.NewRoot(root)
	k := &keeper{logs: New(Config{Pods: at, Logger: slog.New(slog.DiscardHandler)})}
	opened, err := at.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	target := Target{Source: Source{Namespace: "default", Pod: "web", UID: "0f1e", Container: "app"}, Dir: dir}
	c := &chain{target: target, dir: opened}
	entries, err := list(opened, LayoutCRI, "")
	if err != nil {
		t.Fatal(err)
	}
	c.links = []link{{entry: entries[0]}}
	k.look(c)

	for _, name := range []string{"0.log.20261123-200001", "0.log.20261123-200003"} {
		if err := os.Remove(path(name)); err != nil {
			t.Fatal(err)
		}
	}
	write("0.log.20261123-200005")
	write("0.log")
	k.look(c)

	var got []string
	for _, l := range c.links {
		got = append(got, l.entry.name)
		if l.unsure || l.lost.records > 0 {
			t.Errorf("%s: unsure %v, lost %+v", l.entry.name, l.unsure, l.lost)
		}
	}
	want := []string{
		"0.log.20261123-200001", "0.log.20261123-200002", "0.log.20261123-200003", "0.log.20261123-200004",
		"0.log.20261123-200005", "0.log",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	k.drop(c, len(c.links))
	if err := opened.Close(); err != nil {
		t.Error(err)
	}
	if n := k.logs.kept.Load(); n != 0 {
		t.Errorf("%d bytes are kept", n)
	}
}
