// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// work is one thing to measure.
type work struct {
	name string
	args []string
	form form
	// aim is how many times faster than journalctl it should be through the socket; 0 is none.
	aim float64
	// all: no entry is printed, but all are looked at.
	all bool
}

func works() []work {
	second := func(hour int) string { return "@" + strconv.Itoa(start/1e6+hour*3600) }
	return []work{
		{"`-u kubelet -o json`", []string{"-u", "kubelet", "-o", "json"}, objects, 20, false},
		{"`-u kubelet -o short`", []string{"-u", "kubelet"}, lines, 6, false},
		{"`-u kubelet -o cat`", []string{"-u", "kubelet", "-o", "cat"}, lines, 4, false},
		{"`-u kubelet -o export`", []string{"-u", "kubelet", "-o", "export"}, export, 8, false},
		{"everything, `-o short`", nil, lines, 0, false},
		{"one hour, `-o short`", []string{"--since", second(12), "--until", second(13)}, lines, 10, false},
		{"`--grep` that matches nothing", []string{"--grep", "no such text in any message"}, lines, 5, true},
		{"`-n 100`", []string{"-n", "100"}, lines, 1, false},
	}
}

// contender is one of those that do the same work.
type contender struct {
	name   string
	prefix []string
}

// compare measures all works on the journal of a day.
func (s settings) compare(ctx context.Context, stdout, stderr io.Writer) error {
	dir, err := dayFixture(ctx, s.data, s.entries, stderr)
	if err != nil {
		return fmt.Errorf("make journal files: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.journal"))
	if err != nil {
		return err
	}
	d, err := startDaemon(ctx, s.bin, dir, s.engine)
	if err != nil {
		return err
	}
	defer d.stop()
	idle, err := memoryOf(d.cmd.Process.Pid)
	if err != nil {
		return err
	}
	// Read by the sampler only, until it has stopped.
	var most memory
	watch := startSampler(50*time.Millisecond, func() {
		if m, err := memoryOf(d.cmd.Process.Pid); err == nil && m.anonymous > most.anonymous {
			most = m
		}
	})
	contenders, stop, err := s.contenders(ctx, dir, d)
	if err != nil {
		watch.stop()
		return err
	}
	defer stop()
	fmt.Fprintf(stdout, "%d entries in %d files of %s, engine %s, medians of %d runs in turn\n\n", s.entries, len(files), version(ctx), s.engine, s.runs)
	printHeader(stdout, contenders)
	var slower []string
	for _, w := range works() {
		if s.only != "" && !strings.Contains(w.name, s.only) {
			continue
		}
		var medians []time.Duration
		if medians, err = s.measure(ctx, stdout, w, contenders); err != nil {
			err = fmt.Errorf("%s: %w", w.name, err)
			break
		}
		if medians[2] > medians[1] {
			slower = append(slower, w.name)
		}
	}
	watch.stop()
	if err != nil {
		return err
	}
	if len(slower) == 0 {
		slower = []string{"nothing"}
	}
	fmt.Fprintf(stdout, "\nSlower from files than through the socket (aim: nothing): %s.\n", strings.Join(slower, ", "))
	after, err := memoryOf(d.cmd.Process.Pid)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\nnoded's own memory (without mapped files): %.1f MB idle after start, at most %.1f MB during all of this (aim: 150 MB, %s), %.1f MB after it. With mapped files at most %.1f MB were resident.\n",
		mb(idle.anonymous), mb(most.anonymous), verdict(mb(most.anonymous) <= 150), mb(after.anonymous), mb(after.peak))
	return nil
}

// contenders returns those to compare, journalctl first. stop ends what was started for them.
func (s settings) contenders(ctx context.Context, dir string, d *daemon) (all []contender, stop func(), err error) {
	nodectl := filepath.Join(s.bin, "nodectl")
	all = []contender{
		{"journalctl", []string{"journalctl", "--no-pager", "-q", "-D", dir}},
		{"socket", []string{nodectl, "--address", d.address, "journal", "--no-pager", "-q"}},
		{"files", []string{nodectl, "journal", "--no-pager", "-q", "-D", dir, "--engine", s.filesEngine()}},
	}
	if s.against == "" {
		return all, func() {}, nil
	}
	other, err := startDaemon(ctx, s.bin, dir, s.against)
	if err != nil {
		return nil, nil, err
	}
	return append(all, contender{"socket, " + s.against, []string{nodectl, "--address", other.address, "journal", "--no-pager", "-q"}}), other.stop, nil
}

// filesEngine is the engine of a nodectl that reads files: one built without cgo knows only its own.
func (s settings) filesEngine() string {
	if s.engine == "native" {
		return s.engine
	}
	return "auto"
}

func printHeader(w io.Writer, contenders []contender) {
	title, rule := "| work | entries |", "|---|---:|"
	for _, c := range contenders {
		title += " " + c.name + " |"
		rule += "---:|"
	}
	for _, c := range contenders {
		title += " entries/s: " + c.name + " |"
		rule += "---:|"
	}
	for _, c := range contenders[1:] {
		title += " speed: " + c.name + " |"
		rule += "---:|"
	}
	fmt.Fprintf(w, "%s aim | |\n%s---:|---|\n", title, rule)
}

// measure checks that all print the same, lets them work in turn, prints a row of the table and returns how long each took.
func (s settings) measure(ctx context.Context, stdout io.Writer, w work, contenders []contender) ([]time.Duration, error) {
	count, err := check(ctx, w, contenders)
	if err != nil {
		return nil, err
	}
	if w.all {
		count = s.entries
	}
	medians, err := s.inTurn(ctx, w, contenders)
	if err != nil {
		return nil, err
	}
	speed := func(i int) float64 { return float64(medians[0]) / float64(medians[i]) }
	row := fmt.Sprintf("| %s | %d |", w.name, count)
	for _, m := range medians {
		row += fmt.Sprintf(" %.3f s |", m.Seconds())
	}
	for _, m := range medians {
		row += fmt.Sprintf(" %.0f |", float64(count)/m.Seconds())
	}
	for i := range medians[1:] {
		row += fmt.Sprintf(" %.2fx |", speed(i+1))
	}
	if w.aim == 0 {
		row += " | |"
	} else {
		row += fmt.Sprintf(" %.0fx | %s |", w.aim, verdict(speed(1) >= w.aim))
	}
	_, err = fmt.Fprintln(stdout, row)
	return medians, err
}

// inTurn lets the contenders work in turn, several times, and returns the median of each one's times.
func (s settings) inTurn(ctx context.Context, w work, contenders []contender) ([]time.Duration, error) {
	times := make([][]time.Duration, len(contenders))
	for range s.runs {
		for i, c := range contenders {
			took, err := command(slices.Concat(c.prefix, w.args)).time(ctx)
			if err != nil {
				return nil, err
			}
			times[i] = append(times[i], took)
		}
	}
	medians := make([]time.Duration, len(contenders))
	for i, t := range times {
		medians[i] = median(t)
	}
	return medians, nil
}

func verdict(met bool) string {
	if met {
		return "met"
	}
	return "missed"
}

// check compares what the contenders print with what the first one prints, and returns the number of entries.
func check(ctx context.Context, w work, contenders []contender) (int, error) {
	seed := maphash.MakeSeed()
	var want *digest
	for _, c := range contenders {
		got := newDigest(w.form, seed)
		line := command(slices.Concat(c.prefix, w.args))
		if err := line.read(ctx, got); err != nil {
			return 0, err
		}
		if want == nil {
			want = got
		}
		if got.entries != want.entries || got.sum != want.sum || len(got.rest) != len(want.rest) {
			return 0, fmt.Errorf("the outputs differ, so that the figures do not count: %d entries of %s, %d of %s", want.entries, contenders[0].name, got.entries, line)
		}
	}
	if want.entries == 0 != w.all {
		return 0, fmt.Errorf("%d entries", want.entries)
	}
	return want.entries, nil
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Clone(times)
	slices.SortFunc(sorted, cmp.Compare)
	return sorted[len(sorted)/2]
}

// version returns the first line that journalctl --version prints.
func version(ctx context.Context) string {
	cmd, out, stderr, err := command{"journalctl", "--version"}.start(ctx)
	if err != nil {
		return "an unknown systemd"
	}
	defer out.Close()
	text, err := io.ReadAll(out)
	if err != nil || (command{"journalctl"}).wait(cmd, stderr) != nil {
		return "an unknown systemd"
	}
	first, _, _ := strings.Cut(string(text), "\n")
	return first
}
