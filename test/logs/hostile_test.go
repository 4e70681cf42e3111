// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package logs

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/podlog"
)

const (
	canary = "CANARY-7f3a-SECRET"
	// canaryLine is the canary as a line that a reader would deliver.
	canaryLine = "2026-03-01T00:00:00Z stdout F " + canary + "\n"
	goodLine   = "2026-03-01T00:00:01Z stdout F a good line\n"
	// quick is how much processor time a read of something hostile may take, blocked after how long it is held to block, on a busy machine.
	quick   = 6 * time.Second
	blocked = 2 * time.Minute
	// mostMemory is how much resident memory it may add.
	mostMemory = 96 << 20
)

// traps are what can stand in the place of a log file.
func traps() map[string]func(t *testing.T, outside, path string) {
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	link := func(to string) func(t *testing.T, outside, path string) {
		return func(t *testing.T, outside, path string) {
			t.Helper()
			must(t, os.Symlink(strings.ReplaceAll(to, "OUTSIDE", outside), path))
		}
	}
	node := func(mode uint32, major, minor uint32) func(t *testing.T, outside, path string) {
		return func(t *testing.T, _, path string) {
			t.Helper()
			err := unix.Mknod(path, mode|0o600, int(unix.Mkdev(major, minor)))
			if errors.Is(err, unix.EPERM) && os.Getenv("CI") != "true" {
				t.Skip("only root can make devices")
			}
			must(t, err)
		}
	}
	return map[string]func(t *testing.T, outside, path string){
		"link":          link("OUTSIDE/canary"),
		"relative link": link("../../../outside/canary"),
		"magic link":    link("/proc/self/root/OUTSIDE/canary"),
		"link chain": func(t *testing.T, outside, path string) {
			t.Helper()
			must(t, os.Symlink(filepath.Join(outside, "canary"), path+".b"))
			must(t, os.Symlink(filepath.Base(path)+".b", path+".a"))
			must(t, os.Symlink(filepath.Base(path)+".a", path))
		},
		"loop": link("0.log"),
		"hard link": func(t *testing.T, outside, path string) {
			t.Helper()
			must(t, os.Link(filepath.Join(outside, "canary"), path))
		},
		"FIFO":            node(unix.S_IFIFO, 0, 0),
		"socket":          node(unix.S_IFSOCK, 0, 0),
		"device of zeros": node(unix.S_IFCHR, 1, 5),
		"directory": func(t *testing.T, _, path string) {
			t.Helper()
			must(t, os.Mkdir(path, 0o755))
		},
	}
}

// hostileTree makes a log tree in which a container has a trap in the place of a file, and a directory outside with the canary.
func hostileTree(t *testing.T) (root, outside, dir string) {
	t.Helper()
	base := t.TempDir()
	root, outside = filepath.Join(base, "pods"), filepath.Join(base, "outside")
	dir = filepath.Join(root, podDir, containerName)
	for _, d := range []string{dir, filepath.Join(outside, containerName)} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"canary", "0.log", containerName + "/0.log"} {
		if err := os.WriteFile(filepath.Join(outside, path), []byte(canaryLine), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root, outside, dir
}

// collector is a Sink that keeps what it gets, as far as it is short, and counts.
type collector struct {
	text    bytes.Buffer
	records int
	bytes   int64
	gaps    []journal.Gap
	// good: the good line came. onRecord, if it is not nil, is called after each record.
	good     bool
	onRecord func()
}

func (c *collector) Record(r *podlog.Record) error {
	c.records++
	c.bytes += int64(len(r.Text))
	c.good = c.good || string(r.Text) == "a good line"
	if c.text.Len() > 1<<16 {
		c.text.Reset() // of what is hostile there is little
	}
	c.text.Write(r.Text[:min(len(r.Text), 1000)])
	c.text.WriteByte('\n')
	if c.onRecord != nil {
		c.onRecord()
	}
	return nil
}

func (c *collector) Gap(g journal.Gap) error {
	c.gaps = append(c.gaps, g)
	fmt.Fprintf(&c.text, "%+v\n", g)
	return nil
}

func (*collector) Progress(podlog.Progress) error { return nil }

func (*collector) Flush() error { return nil }

// hostileQueries are the ways to read.
func hostileQueries() map[string]podlog.Query {
	all := podlog.NewQuery()
	all.Runs = podlog.RunsAll
	tail, reverse, following := all, all, all
	tail.Tail = 10
	reverse.Reverse = true
	following.Follow = true
	return map[string]podlog.Query{"all": all, "tail": tail, "reverse": reverse, "follow": following}
}

// readHostile reads and checks that nothing blocks and that the canary is not delivered. What goes on and on ends a moment after the good line
// has come, if there is one.
func readHostile(t *testing.T, root, dir string, q podlog.Query, good bool) *collector {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), blocked)
	defer cancel()
	c := new(collector)
	moment := time.Hour
	switch {
	case q.Follow:
		moment = 300 * time.Millisecond
	case q.Reverse:
		moment = 2 * time.Second // backwards, a line is looked for from its end again and again
	}
	if good {
		c.onRecord = func() {
			if c.good {
				time.AfterFunc(moment, cancel)
			}
		}
	} else {
		time.AfterFunc(moment, cancel)
	}
	err := inProcess(t, root, target(dir, podlog.LayoutCRI))(ctx, q, c)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Error("it blocks")
	}
	if err != nil && strings.Contains(err.Error(), canary) {
		t.Errorf("the error has the canary: %v", err)
	}
	if strings.Contains(c.text.String(), canary) {
		t.Errorf("the canary was delivered:\n%s", c.text.String())
	}
	return c
}

// TestHostileFiles: what is not a plain file beneath the tree is not read, and nothing else is lost for it.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	for name, set := range traps() {
		for way, q := range hostileQueries() {
			t.Run(name+", "+way, func(t *testing.T) {
				t.Parallel()
				root, outside, dir := hostileTree(t)
				for _, file := range []string{"0.log", "1.log.20260301-000000", "1.log.20260301-000000.gz"} {
					set(t, outside, filepath.Join(dir, file))
				}
				if err := os.WriteFile(filepath.Join(dir, "1.log"), []byte(goodLine), 0o600); err != nil {
					t.Fatal(err)
				}
				c := readHostile(t, root, podDir+"/"+containerName, q, true)
				if !c.good {
					t.Errorf("the good line did not come: %q", c.text.String())
				}
			})
		}
	}
}

// TestHostileDirectories: no directory outside the tree is read.
func TestHostileDirectories(t *testing.T) {
	t.Parallel()
	for way, q := range hostileQueries() {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			root, outside, dir := hostileTree(t)
			for from, to := range map[string]string{
				filepath.Join(filepath.Dir(dir), "linked"): filepath.Join(outside, containerName),
				filepath.Join(root, "pod"):                 outside,
				filepath.Join(root, "magic"):               "/proc/self/root" + outside,
			} {
				if err := os.Symlink(to, from); err != nil {
					t.Fatal(err)
				}
			}
			for _, name := range []string{
				podDir + "/linked", "pod/" + containerName, "magic/" + containerName, "../outside", "../outside/" + containerName,
				outside, podDir + "/../../outside/" + containerName, "./pod/" + containerName, "", ".", "..", "a\x00b",
			} {
				if c := readHostile(t, root, name, q, false); c.records > 0 {
					t.Errorf("%q was read", name)
				}
			}
		})
	}
}

// TestSwapRace: while a plain file is swapped for traps 100,000 times, the canary is never read and no open blocks.
func TestSwapRace(t *testing.T) {
	t.Parallel()
	const swaps = 100_000
	root, outside, dir := hostileTree(t)
	path := filepath.Join(dir, "0.log")
	set := traps()
	// The traps wait beside the tree and are renamed into it and back.
	var waiting []string
	for _, name := range []string{"link", "hard link", "FIFO"} {
		waiting = append(waiting, filepath.Join(filepath.Dir(root), "trap"+strconv.Itoa(len(waiting))))
		set[name](t, outside, waiting[len(waiting)-1])
	}
	if err := os.WriteFile(path, []byte(goodLine), 0o600); err != nil {
		t.Fatal(err)
	}
	// The directory of another container is swapped for a link to one outside.
	other := filepath.Join(filepath.Dir(dir), "other")
	if err := os.Mkdir(other, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(other, "0.log"), []byte(goodLine), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(filepath.Dir(root), "directory")
	if err := os.Symlink(filepath.Join(outside, containerName), link); err != nil {
		t.Fatal(err)
	}
	var swapping sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// both: there were reads of the plain file and of a trap.
	var both atomic.Bool
	swapping.Go(func() {
		defer cancel()
		end := time.Now().Add(blocked)
		for i := 0; i < swaps || !both.Load() && time.Now().Before(end); i++ {
			a, b := path, waiting[i/2%len(waiting)]
			if i%8 >= 6 {
				a, b = other, link
			}
			if err := unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE); err != nil {
				t.Error(err)
				return
			}
		}
	})
	good, rejected := 0, 0
	readFile, readOther := inProcess(t, root, target(podDir+"/"+containerName, podlog.LayoutCRI)), inProcess(t, root, target(podDir+"/other", podlog.LayoutCRI))
	for i := 0; ctx.Err() == nil; i++ {
		read := readFile
		if i%4 == 3 {
			read = readOther
		}
		c := new(collector)
		begin := time.Now()
		_ = read(t.Context(), podlog.NewQuery(), c) // a file that goes away may be an error
		if took := time.Since(begin); took > blocked {
			t.Fatalf("a read took %v", took)
		}
		if strings.Contains(c.text.String(), canary) {
			t.Fatalf("the canary was delivered:\n%s", c.text.String())
		}
		if c.records > 0 {
			good++
		} else {
			rejected++
		}
		both.Store(good > 0 && rejected > 0)
	}
	swapping.Wait()
	t.Logf("%d reads of the plain file, %d of a trap during %d swaps", good, rejected, swaps)
	if good == 0 || rejected == 0 {
		t.Error("the run is not valid: want reads of both")
	}
}

// peakMemory returns the most that was resident since reset.
func peakMemory(t *testing.T, reset bool) int64 {
	t.Helper()
	if reset {
		if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib * 1024
		}
	}
	t.Fatal("no VmHWM in /proc/self/status")
	return 0
}

// cpuTime returns the processor time of the process, which is not that of what else the machine does.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(unix.TimevalToNsec(u.Utime) + unix.TimevalToNsec(u.Stime))
}

// writeHuge makes a file with one line of zeros, most of it a hole, and a good line after it.
func writeHuge(t *testing.T, path string, size int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("2026-03-01T00:00:00Z stdout F "); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("\n"+goodLine), size); err != nil {
		t.Fatal(err)
	}
	// The file system fills its cache now, not in what is measured.
	if _, err := io.Copy(io.Discard, io.NewSectionReader(f, 0, size)); err != nil {
		t.Fatal(err)
	}
}

// writeBomb makes a compressed file of zeros in many members, of size bytes in all.
func writeBomb(t *testing.T, path string, size int64, begin string) {
	t.Helper()
	compress := func(text []byte) []byte {
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		z.Write(text)
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	const part = 64 << 20
	member := compress(make([]byte, part))
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	_, err = f.Write(compress([]byte(begin)))
	for ; size > 0 && err == nil; size -= part {
		_, err = f.Write(member)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestBounded: lines and compressed files that are huge cost little memory, and little time but when read backwards, and what
// is after them can be read. It measures the memory of the process and so runs by itself.
func TestBounded(t *testing.T) {
	const header = "2026-02-28T00:00:00Z stdout F "
	for _, test := range []struct {
		name string
		make func(t *testing.T, dir string)
		ways []string
	}{
		{"a line of 1 GiB", func(t *testing.T, dir string) {
			t.Helper()
			writeHuge(t, filepath.Join(dir, "0.log"), 1<<30)
		}, []string{"all", "tail", "reverse"}},
		{"1 GiB without a newline", func(t *testing.T, dir string) {
			t.Helper()
			writeHuge(t, filepath.Join(dir, "0.log.20260301-000000"), 1<<30)
			if err := os.Truncate(filepath.Join(dir, "0.log.20260301-000000"), 1<<30); err != nil {
				t.Fatal(err)
			}
		}, []string{"all", "tail"}},
		{"a compressed line of 1 GiB", func(t *testing.T, dir string) {
			t.Helper()
			writeBomb(t, filepath.Join(dir, "0.log.20260301-000000.gz"), 1<<30, header)
		}, []string{"all", "tail", "reverse"}},
		{"8 GiB of nothing, compressed", func(t *testing.T, dir string) {
			t.Helper()
			writeBomb(t, filepath.Join(dir, "0.log.20260301-000000.gz"), 8<<30, "")
		}, []string{"all", "tail"}},
	} {
		for _, way := range test.ways {
			t.Run(test.name+", "+way, func(t *testing.T) {
				root, _, dir := hostileTree(t)
				test.make(t, dir)
				live := filepath.Join(dir, "0.log")
				if _, err := os.Stat(live); err != nil {
					if err := os.WriteFile(live, []byte(goodLine), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				before := peakMemory(t, true)
				var c *collector
				took := time.Hour
				for range 3 { // the best run is the one that others disturbed least
					begin := cpuTime(t)
					c = readHostile(t, root, podDir+"/"+containerName, hostileQueries()[way], true)
					if took = min(took, cpuTime(t)-begin); took < quick || way == "reverse" {
						break
					}
				}
				grown := peakMemory(t, false) - before
				t.Logf("%v, %d MiB more, %d records of %d bytes, gaps %+v", took, grown>>20, c.records, c.bytes, c.gaps)
				if grown > mostMemory {
					t.Errorf("memory grew by %d MiB", grown>>20)
				}
				limit := quick
				if way == "tail" {
					limit = 2 * quick // what is compressed is decompressed more than once
				}
				if took > limit && way != "reverse" {
					t.Errorf("it took %v of processor time", took)
				}
				if !c.good {
					t.Error("the good line did not come")
				}
			})
		}
	}
}
