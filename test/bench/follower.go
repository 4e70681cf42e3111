// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// follower is a process that prints new entries.
type follower struct {
	name string
	// pids are those whose time counts, as this machine sees them.
	pids []int
	cpu  time.Duration
	done sync.WaitGroup

	mu sync.Mutex
	// mu guards the fields below.
	ready  bool
	latest time.Time
	// delays has the time from writing to printing for each entry, by number; 0 has not arrived.
	delays           []time.Duration
	arrived          int
	last             int
	twice, unordered int
}

// startFollower starts a follower that is to receive count entries, numbered from 1. It ends with ctx.
func (b *followBench) startFollower(ctx context.Context, name string, count int) (*follower, error) {
	f := &follower{name: name, latest: time.Now(), delays: make([]time.Duration, count+1)}
	args := []string{"journalctl", "-f", "-n", "0", "-o", "json", "--no-pager"}
	if name == nodectl {
		args = []string{"/usr/local/bin/nodectl", "--address", "unix://" + nodeSocket, "journal", "-f", "-n", "0", "-o", "json", "--no-pager"}
		f.pids = append(f.pids, b.noded)
	}
	cmd := b.node.Command(ctx, args[0], args[1:]...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	f.done.Go(func() {
		f.read(stdout)
		_ = cmd.Wait() // it is killed at the end; lines that are missing show
	})
	pid, err := childOf(ctx, cmd.Process.Pid)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), cmd.Cancel())
	}
	f.pids = append(f.pids, pid)
	return f, nil
}

// title says whose processor time counts.
func (f *follower) title() string {
	if f.name == nodectl {
		return "noded + nodectl"
	}
	return f.name
}

// entryWord begins the messages of this program's entries.
const entryWord = "bench-entry "

func (f *follower) read(r io.Reader) {
	lines := bufio.NewReaderSize(r, pipeBytes)
	for {
		line, err := lines.ReadSlice('\n')
		now := time.Now()
		if at := bytes.Index(line, []byte(entryWord)); at >= 0 {
			f.line(line[at+len(entryWord):], now)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// line takes the rest of a message: a number and when it was written, or "warm".
func (f *follower) line(text []byte, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	words := bytes.SplitN(text, []byte(" "), 3)
	number, err := strconv.Atoi(string(words[0]))
	if err != nil || len(words) < 3 {
		f.ready = true
		return
	}
	written, err := strconv.ParseInt(string(words[1]), 10, 64)
	if err != nil || number < 1 || number >= len(f.delays) {
		return
	}
	f.latest = now
	if f.delays[number] != 0 {
		f.twice++
		return
	}
	f.delays[number] = max(now.Sub(time.Unix(0, written)), 1)
	f.arrived++
	if number < f.last {
		f.unordered++
	}
	f.last = max(f.last, number)
}

func (f *follower) isReady() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ready
}

// finish waits until all entries have arrived, or none does any more.
func (f *follower) finish(ctx context.Context) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	begin := time.Now()
	for {
		f.mu.Lock()
		over := f.arrived == len(f.delays)-1 || time.Since(f.latest) > quiet && time.Since(begin) > quiet
		f.mu.Unlock()
		if over {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tally is what became of the entries.
type tally struct {
	lost, twice, unordered int
	p50, p99, longest      time.Duration
}

func (f *follower) result() tally {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := tally{lost: len(f.delays) - 1 - f.arrived, twice: f.twice, unordered: f.unordered}
	sorted := slices.DeleteFunc(slices.Clone(f.delays[1:]), func(d time.Duration) bool { return d == 0 })
	slices.Sort(sorted)
	t.p50, t.p99, t.longest = quantile(sorted, 0.5), quantile(sorted, 0.99), quantile(sorted, 1)
	return t
}

// quantile returns the value that the share q of the sorted values does not exceed.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	i := min(int(q*float64(len(sorted))), len(sorted)-1)
	return sorted[i].Round(10 * time.Microsecond)
}

// cpuTime returns the processor time of the follower's processes so far.
func (f *follower) cpuTime() time.Duration {
	var sum time.Duration
	for _, pid := range f.pids {
		sum += cpuTimeOf(pid)
	}
	return sum
}

// clockTick is the unit of times in /proc/PID/stat on every architecture that noded is built for.
const clockTick = 10 * time.Millisecond

// cpuTimeOf returns the time that a process has spent on processors, or 0 if it has ended.
func cpuTimeOf(pid int) time.Duration {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	// The name, in parentheses, may have blanks.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		return 0
	}
	return time.Duration(user+system) * clockTick
}

// childOf waits for the child of nsenter, which is the process in the node.
func childOf(ctx context.Context, pid int) (int, error) {
	for range 6000 {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", pid))
		if err != nil {
			return 0, err
		}
		if words := strings.Fields(string(text)); len(words) > 0 {
			return strconv.Atoi(words[0])
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return 0, errors.New("no process in the node")
}
