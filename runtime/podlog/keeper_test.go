// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog

import (
	"bytes"
	"compress/gzip"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/runtime/safefs"
)

// newChain is the chain of a reader of the first one of some files.
func newChain(t *testing.T, layout Layout, files ...string) (k *keeper, c *chain, path func(string) string) {
	t.Helper()
	root := t.TempDir()
	const dir = "default_web_0f1e/app"
	path = func(name string) string { return filepath.Join(root, dir, name) }
	if err := os.MkdirAll(path(""), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		writeFile(t, path(name), name)
	}
	// Who reads the first one has it open.
	first, err := os.Open(path(files[0]))
	if err != nil {
		t.Fatal(err)
	}
	at := safefs.NewRoot(root)
	k = &keeper{logs: New(Config{Pods: at, Logger: slog.New(slog.DiscardHandler)})}
	opened, err := at.OpenDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	target := Target{Source: Source{Namespace: "default", Pod: "web", UID: "0f1e", Container: "app", ID: "c0ffee"}, Layout: layout, Dir: dir}
	c = &chain{target: target, dir: opened}
	entries, err := list(opened, layout, target.Source.ID)
	if err != nil {
		t.Fatal(err)
	}
	c.links = []link{{entry: entries[0], opened: first}}
	k.look(c)
	t.Cleanup(func() {
		k.drop(c, len(c.links))
		if err := errors.Join(opened.Close(), first.Close()); err != nil {
			t.Error(err)
		}
		if n := k.logs.kept.Load(); n != 0 {
			t.Errorf("%d bytes are kept", n)
		}
	})
	return k, c, path
}

// writeFile writes a file of one line, or an empty one. One of that name is written anew, and keeps its inode.
func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if text != "" {
		text = "2026-11-23T20:00:00Z stdout F " + text + "\n"
	}
	var b bytes.Buffer
	if strings.HasSuffix(path, ".gz") {
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(text)) // a bytes.Buffer takes everything
		_ = z.Close()
	} else {
		b.WriteString(text)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o640); err != nil {
		t.Fatal(err)
	}
}

func removeFile(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// checkChain compares the names of the files of a chain, none of which may be doubtful.
func checkChain(t *testing.T, c *chain, want ...string) {
	t.Helper()
	var got []string
	for _, l := range c.links {
		got = append(got, l.entry.name)
		if l.unsure || l.lost.records > 0 {
			t.Errorf("%s: unsure %v, lost %+v", l.entry.name, l.unsure, l.lost)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestKeeperOrder: files stay in the order in which they came, whichever of them is not listed any more, and new ones come
// after them.
func TestKeeperOrder(t *testing.T) {
	t.Parallel()
	k, c, path := newChain(t, LayoutCRI, "0.log.20261123-200001", "0.log.20261123-200002", "0.log.20261123-200003", "0.log.20261123-200004")
	removeFile(t, path("0.log.20261123-200001"))
	removeFile(t, path("0.log.20261123-200003"))
	writeFile(t, path("0.log.20261123-200005"), "5")
	writeFile(t, path("0.log"), "6")
	k.look(c)
	checkChain(t, c, "0.log.20261123-200001", "0.log.20261123-200002", "0.log.20261123-200003", "0.log.20261123-200004", "0.log.20261123-200005", "0.log")
}

// TestKeeperFirstLine: the file that is read is known when it was rotated and compressed, also if its reader has not seen a line of it.
func TestKeeperFirstLine(t *testing.T) {
	t.Parallel()
	k, c, path := newChain(t, LayoutCRI, "0.log")
	if err := os.Truncate(path("0.log"), 0); err != nil {
		t.Fatal(err)
	}
	k.look(c)
	writeFile(t, path("0.log"), "late")
	writeFile(t, path("0.log.20261123-200000.gz"), "late")
	removeFile(t, path("0.log"))
	writeFile(t, path("0.log"), "next")
	k.look(c)
	checkChain(t, c, "0.log.20261123-200000.gz", "0.log")
}

// TestKeeperInode: a compressed file that has the name and the inode of an earlier one is not taken for that.
func TestKeeperInode(t *testing.T) {
	t.Parallel()
	_, c, path := newChain(t, LayoutDocker, "c0ffee-json.log")
	var prints []print
	for _, text := range []string{"a", "longer"} {
		writeFile(t, path("c0ffee-json.log.1.gz"), text)
		entries, err := list(c.dir, c.target.Layout, c.target.Source.ID)
		if err != nil || len(entries) != 2 {
			t.Fatal(entries, err)
		}
		prints = append(prints, c.print(&entries[0]), c.print(&entries[0]))
	}
	if !prints[0].ok || prints[0] != prints[1] || !prints[2].ok || prints[2] != prints[3] || prints[0] == prints[2] {
		t.Errorf("got %v", prints)
	}
}
