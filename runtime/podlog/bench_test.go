// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package podlog_test

import (
	"bufio"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/podlog"
	"github.com/noded/noded/runtime/safefs"
)

// benchLines is the number of lines of the log that the benchmarks read; it has about 160 bytes for each.
const benchLines = 400_000

type counting struct{ records, bytes int }

func (c *counting) Record(r *podlog.Record) error {
	c.records++
	c.bytes += len(r.Text)
	return nil
}
func (*counting) Gap(journal.Gap) error          { return nil }
func (*counting) Progress(podlog.Progress) error { return nil }
func (*counting) Flush() error                   { return nil }

func BenchmarkRead(b *testing.B) {
	root := b.TempDir()
	dir := filepath.Join(root, podDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "0.log"))
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for i := range benchLines {
		fmt.Fprintf(w, "%s stdout F I1123 20:00:00.000000       1 handler.go:%d] \"HTTP\" verb=\"GET\" URI=\"/api/v1/namespaces/default/pods\" latency=\"3.1ms\"\n",
			base.Add(time.Duration(i)*1234567*time.Nanosecond).Format(time.RFC3339Nano), i)
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	last := base.Add(benchLines*1234567*time.Nanosecond - time.Minute).UnixNano()
	target := podlog.Target{Source: podlog.Source{Namespace: "default", Pod: "web", UID: "0f1e", Container: "app"}, Dir: podDir}
	logs := podlog.New(podlog.Config{Pods: safefs.NewRoot(root), Logger: slog.New(slog.DiscardHandler)})
	for _, bench := range []struct {
		name string
		set  func(q *podlog.Query)
	}{
		{"whole", func(*podlog.Query) {}},
		{"grep-none", func(q *podlog.Query) { q.Filter.Grep = "no such text" }},
		{"level", func(q *podlog.Query) { q.Filter.MaxLevel = journal.LevelError }},
		{"since-last-minute", func(q *podlog.Query) { q.Since = &last }},
		{"tail-1000", func(q *podlog.Query) { q.Tail = 1000 }},
		{"reverse", func(q *podlog.Query) { q.Reverse = true }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(info.Size())
			for b.Loop() {
				q := podlog.NewQuery()
				bench.set(&q)
				var c counting
				if err := logs.Read(b.Context(), podlog.Fixed{target}, q, &c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
