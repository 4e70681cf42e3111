// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/dirwatch"
	"github.com/noded/noded/runtime/podlog"
	"github.com/noded/noded/runtime/safefs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// base is the time of the first line of most tests.
var base = time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)

// tree is a log tree with one container in it.
type tree struct {
	t    *testing.T
	root string
	dir  string
}

const podDir = "default_web_0f1e/app"

func newTree(t *testing.T) *tree {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, podDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return &tree{t: t, root: root, dir: dir}
}

func (tr *tree) write(name, text string) {
	tr.t.Helper()
	if err := os.WriteFile(filepath.Join(tr.dir, name), []byte(text), 0o640); err != nil {
		tr.t.Fatal(err)
	}
}

func (tr *tree) append(name, text string) {
	tr.t.Helper()
	f, err := os.OpenFile(filepath.Join(tr.dir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o640)
	if err != nil {
		tr.t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		tr.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		tr.t.Fatal(err)
	}
}

func (tr *tree) rename(from, to string) {
	tr.t.Helper()
	if err := os.Rename(filepath.Join(tr.dir, from), filepath.Join(tr.dir, to)); err != nil {
		tr.t.Fatal(err)
	}
}

// compress replaces a file by a compressed one, as the kubelet does.
func (tr *tree) compress(name string) {
	tr.t.Helper()
	text, err := os.ReadFile(filepath.Join(tr.dir, name))
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.write(name+".tmp", zipped(text))
	tr.rename(name+".tmp", name+".gz")
	tr.remove(name)
}

func (tr *tree) remove(name string) {
	tr.t.Helper()
	if err := os.Remove(filepath.Join(tr.dir, name)); err != nil {
		tr.t.Fatal(err)
	}
}

func zipped(text []byte) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(text) // a bytes.Buffer takes everything
	_ = z.Close()
	return b.String()
}

func (tr *tree) target() podlog.Target {
	return podlog.Target{
		Source: podlog.Source{Namespace: "default", Pod: "web", UID: "0f1e", Container: "app", ID: "c0ffee"},
		Layout: podlog.LayoutCRI, Dir: podDir,
	}
}

func (tr *tree) logs() *podlog.Logs {
	return podlog.New(podlog.Config{Pods: safefs.NewRoot(tr.root), Logger: slog.New(slog.DiscardHandler)})
}

func (tr *tree) watchedLogs() *podlog.Logs {
	hub := dirwatch.NewHub(slog.New(slog.DiscardHandler))
	tr.t.Cleanup(func() {
		if err := hub.Close(); err != nil {
			tr.t.Error(err)
		}
	})
	return podlog.New(podlog.Config{Pods: safefs.NewRoot(tr.root), Hub: hub, Logger: slog.New(slog.DiscardHandler)})
}

// read returns what a query gives.
func (tr *tree) read(q podlog.Query) *collected {
	tr.t.Helper()
	c, err := tr.tryRead(q)
	if err != nil {
		tr.t.Fatal(err)
	}
	return c
}

func (tr *tree) tryRead(q podlog.Query) (*collected, error) {
	c := new(collected)
	err := tr.logs().Read(tr.t.Context(), podlog.Fixed{tr.target()}, q, c)
	return c, err
}

// line is a line in the format of the CRI, i milliseconds after base.
func line(i int, stream, tag, text string) string {
	return base.Add(time.Duration(i)*time.Millisecond).Format(time.RFC3339Nano) + " " + stream + " " + tag + " " + text + "\n"
}

// lines are whole lines from number from to before number to, which have it as text.
func lines(from, to int) string {
	var b bytes.Buffer
	for i := from; i < to; i++ {
		b.WriteString(line(i, "stdout", "F", fmt.Sprintf("line %d", i)))
	}
	return b.String()
}

func texts(from, to int) []string {
	var out []string
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprintf("line %d", i))
	}
	return out
}

// collected is a Sink that keeps everything.
type collected struct {
	mu        sync.Mutex
	records   []podlog.Record
	texts     []string
	positions []podlog.Position
	gaps      []journal.Gap
	progress  []podlog.Progress
	flushes   int
	// news is told of every call, if it is not nil.
	news chan struct{}
	// onRecord, if set, is called with every record.
	onRecord func(n int, r *podlog.Record) error
	// onProgress, if set, is called with every progress.
	onProgress func(p podlog.Progress) error
}

func (c *collected) Record(r *podlog.Record) error {
	c.mu.Lock()
	kept := *r
	kept.Text = nil
	c.records = append(c.records, kept)
	c.texts = append(c.texts, string(r.Text))
	c.positions = append(c.positions, r.Position())
	n := len(c.records)
	c.mu.Unlock()
	if c.onRecord != nil {
		return c.onRecord(n, r)
	}
	return nil
}

func (c *collected) Gap(g journal.Gap) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gaps = append(c.gaps, g)
	return nil
}

func (c *collected) Progress(p podlog.Progress) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.progress = append(c.progress, p)
	if c.onProgress != nil {
		return c.onProgress(p)
	}
	return nil
}

func (c *collected) Flush() error {
	c.mu.Lock()
	c.flushes++
	c.mu.Unlock()
	if c.news != nil {
		select {
		case c.news <- struct{}{}:
		default:
		}
	}
	return nil
}

func (c *collected) snapshot() (texts []string, gaps []journal.Gap) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.texts...), append([]journal.Gap(nil), c.gaps...)
}
