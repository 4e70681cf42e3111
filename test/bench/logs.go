// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/cri-client/pkg/logs"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/podlog"
	"github.com/noded/noded/runtime/safefs"
)

// logWork is one thing to measure on the log of a container.
type logWork struct {
	name  string
	since time.Time
	// tail is negative for all.
	tail int64
	// grep matches nothing. In lower case it ignores case, as in nodectl. The kubelet, which has no grep, reads everything instead.
	grep string
	// aim is how many times faster than the kubelet's reader it should be.
	aim float64
}

func logWorks() []logWork {
	return []logWork{
		{"whole", time.Time{}, -1, "", 3},
		{"since the last minute", logEnd().Add(-time.Minute), -1, "", 100},
		{"tail 1000", time.Time{}, 1000, "", 1},
		{"grep that matches nothing", time.Time{}, -1, "no such text in any line", 2},
		{"grep with a capital that matches nothing", time.Time{}, -1, "No such text in any line", 2},
	}
}

// logReader is one of those that do the same work.
type logReader interface {
	title() string
	// write does the work and hands what it prints to w, if that is not nil; it returns how long that took.
	write(ctx context.Context, w logWork, to io.Writer) (time.Duration, error)
}

// logProcess is a reader that is a program.
type logProcess struct {
	name   string
	prefix []string
	// noGrep: the program has no grep.
	noGrep bool
}

func (p logProcess) title() string { return p.name }

func (p logProcess) write(ctx context.Context, w logWork, to io.Writer) (time.Duration, error) {
	args := slices.Clone(p.prefix)
	if !w.since.IsZero() {
		args = append(args, "--since-time="+w.since.Format(time.RFC3339Nano))
	}
	if w.tail >= 0 {
		args = append(args, fmt.Sprintf("--tail=%d", w.tail))
	}
	if w.grep != "" && !p.noGrep {
		args = append(args, "--grep="+w.grep)
	}
	if to == nil {
		return command(args).time(ctx)
	}
	return 0, command(args).read(ctx, to)
}

// kubeletReader is the kubelet's reader in this process.
type kubeletReader struct{ path string }

func (kubeletReader) title() string { return "kubelet's reader" }

func (k kubeletReader) write(ctx context.Context, w logWork, to io.Writer) (time.Duration, error) {
	if to == nil {
		to = io.Discard
	}
	opts := &logs.LogOptions{Since: w.since}
	if w.tail >= 0 {
		opts.TailLines = &w.tail
	}
	begin := time.Now()
	err := logs.ReadLogs(logr.NewContext(ctx, logr.Discard()), k.path, "", opts, nil, to, to)
	return time.Since(begin), err
}

// podlogReader is package podlog in this process.
type podlogReader struct{ root string }

func (podlogReader) title() string { return "podlog" }

func (p podlogReader) write(ctx context.Context, w logWork, to io.Writer) (time.Duration, error) {
	if to == nil {
		to = io.Discard
	}
	begin := time.Now()
	reader := podlog.New(podlog.Config{Pods: safefs.NewRoot(p.root), Logger: slog.New(slog.DiscardHandler)})
	q := podlog.NewQuery()
	q.Tail, q.Filter.Grep, q.Filter.IgnoreCase = w.tail, w.grep, w.grep == strings.ToLower(w.grep)
	if !w.since.IsZero() {
		since := w.since.UnixNano()
		q.Since = &since
	}
	source := podlog.Source{Namespace: "default", Pod: "web-0", UID: "3d1f0a52-7c7e-4a8e-9a55-0f6b8c1d2e3f", Container: logContainer}
	sink := &lineSink{to: to}
	err := reader.Read(ctx, podlog.Fixed{{Source: source, Dir: filepath.ToSlash(filepath.Dir(logPath))}}, q, sink)
	return time.Since(begin), err
}

// lineSink prints records as kubectl does, each with a write of its own, as the kubelet's reader does too.
type lineSink struct {
	to   io.Writer
	line []byte
}

func (s *lineSink) Record(r *podlog.Record) error {
	s.line = append(s.line[:0], r.Text...)
	if !r.Partial {
		s.line = append(s.line, '\n')
	}
	_, err := s.to.Write(s.line)
	return err
}

func (*lineSink) Gap(g journal.Gap) error { return fmt.Errorf("gap: %+v", g) }

func (*lineSink) Progress(podlog.Progress) error { return nil }

func (*lineSink) Flush() error { return nil }

// measureLogs compares readers of the log of a container.
func (s settings) measureLogs(ctx context.Context, stdout, stderr io.Writer) error {
	root, err := logFixture(s.data, s.lines, stderr)
	if err != nil {
		return fmt.Errorf("make a log: %w", err)
	}
	path := filepath.Join(root, logPath)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%d lines, %.0f MB, medians of %d runs in turn, the file in the page cache\n", s.lines, mb(info.Size()), s.runs)
	if err := s.compareLogs(ctx, stdout, []logReader{kubeletReader{path}, podlogReader{root}}); err != nil {
		return err
	}
	peer, remove, err := buildPeer(ctx)
	if err != nil {
		return err
	}
	defer remove()
	d, err := s.startLogDaemon(ctx, root)
	if err != nil {
		return err
	}
	defer d.stop()
	nodectl := filepath.Join(s.bin, "nodectl")
	err = s.compareLogs(ctx, stdout, []logReader{
		logProcess{"program with the kubelet's reader", []string{peer, "-file", path}, true},
		logProcess{"nodectl logs", []string{nodectl, "--address", d.address, "logs", "-n", "default", "web-0"}, false},
		logProcess{"nodectl logs --root", []string{nodectl, "logs", "--root", root, "-n", "default", "web-0"}, false},
	})
	if err != nil {
		return err
	}
	if err := s.measureLogDelay(ctx, stdout, peer); err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	if err := s.measureLogMany(ctx, stdout); err != nil {
		return fmt.Errorf("follow many: %w", err)
	}
	return nil
}

// buildPeer builds the program that has the kubelet's reader. It is small, so that its start costs little.
func buildPeer(ctx context.Context) (path string, remove func(), err error) {
	dir, err := os.MkdirTemp("", "noded-bench-peer")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	path = filepath.Join(dir, "kubelet")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "github.com/noded/noded/test/bench/kubelet")
	if out, err := cmd.CombinedOutput(); err != nil {
		remove()
		return "", nil, fmt.Errorf("build the program with the kubelet's reader: %w\n%s", err, out)
	}
	return path, remove, nil
}

// startLogDaemon starts noded on a log tree.
func (s settings) startLogDaemon(ctx context.Context, pods string) (*daemon, error) {
	empty, err := os.MkdirTemp("", "noded-bench-journal")
	if err != nil {
		return nil, err
	}
	// No runtime of this machine is asked.
	config := fmt.Sprintf("logs:\n  pods_directory: %s\n  docker_directory: \"\"\nruntime:\n  sockets: [%s]\n  docker_socket: %[2]s\n",
		pods, filepath.Join(empty, "none"))
	d, err := startConfigured(ctx, s.bin, empty, s.engine, config)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(empty))
	}
	d.remove = append(d.remove, empty)
	return d, nil
}

// compareLogs lets readers do all works in turn and prints a table.
func (s settings) compareLogs(ctx context.Context, stdout io.Writer, readers []logReader) error {
	title, rule := "\n| work | lines |", "|---|---:|"
	for _, r := range readers {
		title += " " + r.title() + " |"
		rule += "---:|"
	}
	for _, r := range readers[1:] {
		title += " speed: " + r.title() + " |"
		rule += "---:|"
	}
	fmt.Fprintf(stdout, "%s aim | |\n%s---:|---|\n", title, rule)
	for _, w := range logWorks() {
		if s.only != "" && !strings.Contains(w.name, s.only) {
			continue
		}
		row, err := s.logRow(ctx, w, readers)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		fmt.Fprintln(stdout, row)
	}
	return nil
}

// logRow checks that all print the same, measures, and returns a row of the table.
func (s settings) logRow(ctx context.Context, w logWork, readers []logReader) (string, error) {
	count, err := checkLogs(ctx, w, readers)
	if err != nil {
		return "", err
	}
	times := make([][]time.Duration, len(readers))
	for range s.runs {
		for i, r := range readers {
			took, err := r.write(ctx, w, nil)
			if err != nil {
				return "", err
			}
			times[i] = append(times[i], took)
		}
	}
	row := fmt.Sprintf("| %s | %d |", w.name, count)
	first, slowest := median(times[0]), time.Duration(0)
	for _, t := range times {
		row += fmt.Sprintf(" %.4f s |", median(t).Seconds())
	}
	for _, t := range times[1:] {
		row += fmt.Sprintf(" %.1fx |", float64(first)/float64(median(t)))
		slowest = max(slowest, median(t))
	}
	return row + fmt.Sprintf(" %.0fx | %s |", w.aim, verdict(float64(first)/float64(slowest) >= w.aim)), nil
}

// checkLogs compares what the readers print with what the first one prints, and returns the number of lines.
func checkLogs(ctx context.Context, w logWork, readers []logReader) (int, error) {
	seed := maphash.MakeSeed()
	var want *digest
	for _, r := range readers {
		got := newDigest(lines, seed)
		if _, err := r.write(ctx, w, got); err != nil {
			return 0, fmt.Errorf("%s: %w", r.title(), err)
		}
		if want == nil {
			want = got
			continue
		}
		if w.grep != "" {
			if got.entries != 0 || len(got.rest) != 0 {
				return 0, fmt.Errorf("%s prints %d lines, want none", r.title(), got.entries)
			}
			continue
		}
		if got.entries != want.entries || got.sum != want.sum || !bytes.Equal(got.rest, want.rest) {
			return 0, fmt.Errorf("the outputs differ, so that the figures do not count: %d lines of %s, %d of %s",
				want.entries, readers[0].title(), got.entries, r.title())
		}
	}
	if want.entries == 0 {
		return 0, errors.New("no lines")
	}
	return want.entries, nil
}
