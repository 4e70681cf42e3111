// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package podlog_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/podlog"
)

// canary is in the file that must never be read.
const canary = "canary-never-to-be-seen"

// hostileQueries are the ways to read a log.
func hostileQueries() map[string]podlog.Query {
	forward, tail, reverse, since, grep := podlog.NewQuery(), podlog.NewQuery(), podlog.NewQuery(), podlog.NewQuery(), podlog.NewQuery()
	tail.Tail = 10
	reverse.Reverse, reverse.Limit = true, 10
	at := base.Add(time.Hour).UnixNano()
	since.Since = &at
	grep.Filter.Grep, grep.Tail = "no such text", 10
	return map[string]podlog.Query{"forward": forward, "tail": tail, "reverse": reverse, "since": since, "grep": grep}
}

// counted is a Sink that keeps nothing.
type counted struct {
	records, bytes, gaps int
	longest              int
	leaked               bool
	last                 string
}

func (c *counted) Record(r *podlog.Record) error {
	c.records++
	c.bytes += len(r.Text)
	c.longest = max(c.longest, len(r.Text))
	c.leaked = c.leaked || bytes.Contains(r.Text, []byte(canary))
	c.last = string(r.Text[:min(len(r.Text), 32)])
	return nil
}

func (c *counted) Gap(journal.Gap) error          { c.gaps++; return nil }
func (c *counted) Progress(podlog.Progress) error { return nil }
func (c *counted) Flush() error                   { return nil }

// cpuTime is how long the process has computed, which a loaded machine does not make longer.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// bounded reads in several ways, and fails if one takes long or much memory. Nothing may run in parallel.
func bounded(t *testing.T, tr *tree, ways []string, check func(t *testing.T, name string, c *counted)) {
	t.Helper()
	for name, q := range hostileQueries() {
		if !slices.Contains(ways, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			runtime.GC()
			var before runtime.MemStats
			runtime.ReadMemStats(&before)
			stop, peak := make(chan struct{}), make(chan uint64)
			go func() {
				var most uint64
				for {
					var now runtime.MemStats
					runtime.ReadMemStats(&now)
					most = max(most, now.HeapInuse)
					select {
					case <-stop:
						peak <- most
						return
					case <-time.After(5 * time.Millisecond):
					}
				}
			}()
			start := cpuTime(t)
			c := new(counted)
			err := tr.logs().Read(t.Context(), podlog.Fixed{tr.target()}, q, c)
			took := cpuTime(t) - start
			close(stop)
			grown := int64(<-peak) - int64(before.HeapInuse)
			if err != nil {
				t.Errorf("Read = %v", err)
			}
			t.Logf("%v, %d KiB, %d records of %d bytes, %d gaps", took.Round(time.Millisecond), grown>>10, c.records, c.bytes, c.gaps)
			if grown > 64<<20 {
				t.Errorf("it took %d MiB", grown>>20)
			}
			if took > 30*time.Second { // a second on a quick machine
				t.Errorf("it took %v", took)
			}
			if c.longest > podlog.DefaultMaxRecordBytes {
				t.Errorf("a record of %d bytes", c.longest)
			}
			check(t, name, c)
		})
	}
}

// bomb is a compressed file that decompresses to at least size bytes of text again and again.
func bomb(t *testing.T, text string, size int) string {
	t.Helper()
	var member bytes.Buffer
	z, err := gzip.NewWriterLevel(&member, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	n := max(1, 16<<20/len(text))
	if _, err := z.Write(bytes.Repeat([]byte(text), n)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return strings.Repeat(member.String(), size/(n*len(text))+1)
}

// TestBomb: compressed files that decompress to gigabytes.
func TestBomb(t *testing.T) {
	if raceEnabled {
		t.Skip("what is measured is that of the race detector")
	}
	for name, text := range map[string]string{
		"zeros": "\x00", "empty lines": "\n", "pieces": line(0, "stdout", "P", strings.Repeat("x", 1000)), "one line": line(0, "stdout", "F", "a") + strings.Repeat("x", 8<<20),
		"no members": "",
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTree(t)
			if text == "" {
				tr.write("0.log.20261123-200000.gz", strings.Repeat(bomb(t, "\x00", 0)[:18], 1<<16))
			} else {
				tr.write("0.log.20261123-200000.gz", bomb(t, text, 8<<30))
			}
			tr.write("0.log", lines(0, 1)+line(3600_000, "stdout", "F", "the end"))
			ways := []string{"tail", "reverse"}
			if name == "one line" {
				ways = append(ways, "forward", "since", "grep")
			}
			bounded(t, tr, ways, func(t *testing.T, name string, c *counted) {
				if name != "reverse" && name != "grep" && c.last != "the end" {
					t.Errorf("the last record is %q", c.last)
				}
			})
		})
	}
}

// TestSparse: files with holes of gigabytes.
func TestSparse(t *testing.T) {
	if raceEnabled {
		t.Skip("what is measured is that of the race detector")
	}
	for name, head := range map[string]string{"line": line(0, "stdout", "F", "")[:len(line(0, "stdout", "F", ""))-1], "hole": ""} {
		t.Run(name, func(t *testing.T) {
			tr := newTree(t)
			tr.write("0.log", head)
			if err := os.Truncate(filepath.Join(tr.dir, "0.log"), 1<<30); err != nil {
				t.Fatal(err)
			}
			tr.append("0.log", "\n"+line(3600_000, "stdout", "F", "the end"))
			ways := []string{"forward", "tail", "reverse", "since", "grep"}
			bounded(t, tr, ways, func(t *testing.T, name string, c *counted) {
				if name != "reverse" && name != "grep" && c.last != "the end" {
					t.Errorf("the last record is %q", c.last)
				}
			})
		})
	}
}

// TestHostileNames: what is not a file of the log is not read, and does not block.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	for name, make := range hostileFiles() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secret := filepath.Join(t.TempDir(), "0.log")
			if err := os.WriteFile(secret, []byte(line(5, "stdout", "F", canary)), 0o600); err != nil {
				t.Fatal(err)
			}
			tr := newTree(t)
			for _, file := range []string{"0.log.20261123-195900", "0.log.20261123-195901.gz", "1.log"} {
				if err := make(secret, filepath.Join(tr.dir, file)); err != nil {
					t.Fatal(err)
				}
			}
			tr.write("0.log", lines(0, 10))
			for way, q := range hostileQueries() {
				for _, runs := range []podlog.Runs{podlog.RunsAll, podlog.RunsCurrent} {
					q.Runs = runs
					c := new(counted)
					done := async(func() error { return tr.logs().Read(t.Context(), podlog.Fixed{tr.target()}, q, c) })
					select {
					case err := <-done:
						if err != nil {
							t.Errorf("%s: %v", way, err)
						}
					case <-time.After(2 * time.Minute):
						t.Fatalf("%s blocks", way)
					}
					if c.leaked {
						t.Errorf("%s: the canary was read", way)
					}
					if way == "forward" && c.records != 10 {
						t.Errorf("%s, runs %d: %d records, %d gaps, want 10 records", way, runs, c.records, c.gaps)
					}
				}
			}
		})
	}
}

// async runs f in a goroutine.
func async(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	return done
}

// TestHostileDirectory: a directory that is a link is not read.
func TestHostileDirectory(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "0.log"), []byte(line(5, "stdout", "F", canary)), 0o600); err != nil {
		t.Fatal(err)
	}
	tr := newTree(t)
	if err := os.Remove(tr.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, tr.dir); err != nil {
		t.Fatal(err)
	}
	for name, q := range hostileQueries() {
		for _, dir := range []string{podDir, "../" + filepath.Base(outside), podDir + "/../app", "default_web_0f1e", "/" + outside} {
			c := new(counted)
			target := tr.target()
			target.Dir = dir
			err := tr.logs().Read(t.Context(), podlog.Fixed{target}, q, c)
			if c.records != 0 || c.leaked {
				t.Errorf("%s of %s: %d records, %v", name, dir, c.records, err)
			}
		}
	}
}

// TestReverseParts: a block with too many records, or too long ones, is given in parts, and nothing twice.
func TestReverseParts(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	const n = 200_000 // more than a block may have
	for i := range n {
		text.WriteString(line(i, "stdout", "F", fmt.Sprint(i)))
		if i%1000 == 0 {
			text.WriteString(line(i, "stderr", "P", fmt.Sprint("begin ", i)))
		}
		if i%1000 == 900 {
			text.WriteString(line(i, "stderr", "F", fmt.Sprint(" end ", i)))
		}
		if i == n/2+950 { // no line is unfinished there
			text.WriteString(line(i, "stdout", "F", strings.Repeat("long ", 5<<20)))
		}
	}
	for _, name := range []string{"0.log", "0.log.20261123-195900.gz"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tr := newTree(t)
			if content := text.String(); strings.HasSuffix(name, ".gz") {
				tr.write(name, zipped([]byte(content)))
			} else {
				tr.write(name, content)
			}
			forward, reverse := podlog.NewQuery(), podlog.NewQuery()
			reverse.Reverse = true
			want, got := tr.read(forward), tr.read(reverse)
			slices.Reverse(got.texts)
			slices.Reverse(got.positions)
			if !slices.Equal(want.texts, got.texts) {
				t.Errorf("backwards there are %d records, forwards %d, or others", len(got.texts), len(want.texts))
			}
			if !slices.Equal(want.positions, got.positions) {
				t.Error("the positions are others backwards")
			}
			for _, tail := range []int{10, 1000, 100_000, 150_000, 1 << 20} {
				forward.Tail = int64(tail)
				if last := tr.read(forward).texts; !slices.Equal(want.texts[max(0, len(want.texts)-tail):], last) {
					t.Errorf("tail %d gives %d records", tail, len(last))
				}
			}
		})
	}
}

// TestRubbish: lines that are not in the format are given as they are, and those after them are.
func TestRubbish(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 256 {
		fmt.Fprintf(&text, "%s", string(bytes.ReplaceAll([]byte{byte(i), byte(255 - i), 'x'}, []byte("\n"), nil)))
		text.WriteString("\n")
	}
	tr := newTree(t)
	tr.write("0.log", lines(0, 1)+text.String()+lines(1, 2))
	c := tr.read(podlog.NewQuery())
	want := append(append(texts(0, 1), strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")...), texts(1, 2)...)
	for i := range want { // NULs at the beginning of a line are holes
		want[i] = strings.TrimLeft(want[i], "\x00")
	}
	if !slices.Equal(want, c.texts) {
		t.Errorf("got %q, want %q", c.texts, want)
	}
}
