// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"time"
)

const (
	// followPods and followContainers are the containers that are followed at once, linesOfEach the lines that each writes a second.
	followPods, followContainers, linesOfEach = 110, 2, 10
)

// appendEntry appends a numbered line of a container's log, with the time.
func appendEntry(line []byte, number int) []byte {
	now := time.Now()
	line = now.UTC().AppendFormat(line, time.RFC3339Nano)
	line = append(line, " stdout F "+entryWord...)
	line = strconv.AppendInt(line, int64(number), 10)
	line = append(line, ' ')
	line = strconv.AppendInt(line, now.UnixNano(), 10)
	return append(line, ` GET /api/v1/orders/8812/items HTTP/1.1" 200 5120 "-" "kube-probe/1.34"`+"\n"...)
}

// logTree makes files of containers and returns them open, and the tree.
func logTree(pods, containers int) (root string, files []*os.File, err error) {
	if root, err = os.MkdirTemp("", "noded-bench-pods"); err != nil {
		return "", nil, err
	}
	for pod := range pods {
		for c := range containers {
			dir := filepath.Join(root, fmt.Sprintf("default_web-%d_3d1f0a52-7c7e-4a8e-9a55-%012x", pod, pod), fmt.Sprintf("app-%d", c))
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return root, files, err
			}
			f, err := os.Create(filepath.Join(dir, "0.log"))
			if err != nil {
				return root, files, err
			}
			files = append(files, f)
		}
	}
	return root, files, nil
}

// writeEvenly writes a number of lines to the files in turn, numbered from 1, as many a second as rate.
func writeEvenly(ctx context.Context, files []*os.File, rate, count int) error {
	begin := time.Now()
	var line []byte
	for i := 1; i <= count; i++ {
		if ahead := time.Until(begin.Add(time.Duration(i) * time.Second / time.Duration(rate))); ahead > 200*time.Microsecond {
			time.Sleep(ahead)
		}
		line = appendEntry(line[:0], i)
		if _, err := files[i%len(files)].Write(line); err != nil {
			return err
		}
		if i%1000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// startLocal starts a follower that is to receive count lines, numbered from 1. It ends with ctx.
func startLocal(ctx context.Context, count int, args []string, pids ...int) (*follower, error) {
	f := &follower{name: args[0], latest: time.Now(), delays: make([]time.Duration, count+1), pids: pids}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Stderr = new(bytes.Buffer)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	f.pids = append(f.pids, cmd.Process.Pid)
	f.done.Go(func() {
		f.read(stdout)
		_ = cmd.Wait() // it is killed at the end; lines that are missing show
	})
	return f, nil
}

// warm writes lines without a number until a follower prints one.
func (f *follower) warm(ctx context.Context, to *os.File) error {
	for range 1200 {
		if _, err := fmt.Fprintf(to, "%s stdout F %swarm\n", time.Now().UTC().Format(time.RFC3339Nano), entryWord); err != nil {
			return err
		}
		if f.isReady() {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return errors.New("a follower prints nothing")
}

// followed writes lines while a follower runs and returns what became of them. atEnd, if it is not nil, is called before the
// follower is ended.
func (s settings) followed(ctx context.Context, files []*os.File, rate int, atEnd func() error, args []string, pids ...int) (*follower, tally, error) {
	count := rate * int(s.span/time.Second)
	ctx, cancel := context.WithCancel(ctx)
	f, err := startLocal(ctx, count, args, pids...)
	if err != nil {
		cancel()
		return nil, tally{}, err
	}
	defer f.done.Wait()
	defer cancel()
	if err := f.warm(ctx, files[0]); err != nil {
		return nil, tally{}, err
	}
	f.cpu = -f.cpuTime()
	if err := writeEvenly(ctx, files, rate, count); err != nil {
		return nil, tally{}, err
	}
	f.finish(ctx)
	f.cpu += f.cpuTime()
	if atEnd != nil {
		err = atEnd()
	}
	return f, f.result(), err
}

// measureLogDelay measures how soon lines of one container are printed.
func (s settings) measureLogDelay(ctx context.Context, stdout io.Writer, peer string) error {
	root, files, err := logTree(1, 1)
	defer os.RemoveAll(root)
	if err != nil {
		return err
	}
	defer files[0].Close()
	d, err := s.startLogDaemon(ctx, root)
	if err != nil {
		return err
	}
	defer d.stop()
	fmt.Fprintf(stdout, "\nFollowing one container, %d lines a second for %v; times are from before a line is written until it is read\n\n", slowRate, s.span)
	fmt.Fprintln(stdout, "| follower | lost | twice | out of order | p50 | p99 | longest | CPU | CPU per line |")
	fmt.Fprintln(stdout, "|---|---:|---:|---:|---:|---:|---:|---:|---:|")
	var own tally
	for _, c := range []struct {
		name string
		args []string
		pids []int
	}{
		{"noded + nodectl", []string{filepath.Join(s.bin, "nodectl"), "--address", d.address, "logs", "-f", "-n", "default", "web-0", "--tail=0"}, []int{d.cmd.Process.Pid}},
		{"the kubelet's reader", []string{peer, "-file", files[0].Name(), "-f"}, nil},
	} {
		if err := files[0].Truncate(0); err != nil {
			return err
		}
		if _, err := files[0].Seek(0, io.SeekStart); err != nil {
			return err
		}
		f, t, err := s.followed(ctx, files, slowRate, nil, c.args, c.pids...)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Fprintf(stdout, "| %s | %d | %d | %d | %s | %s | %s | %.0f%% | %.0f µs |\n", c.name, t.lost, t.twice, t.unordered, t.p50, t.p99, t.longest,
			100*f.cpu.Seconds()/s.span.Seconds(), f.cpu.Seconds()*1e6/float64(len(f.delays)-1))
		if c.pids != nil {
			own = t
		}
	}
	fmt.Fprintf(stdout, "\nAims of nodectl: nothing lost, twice or out of order (%s); p99 of at most 10 ms (%s).\n",
		verdict(own.lost+own.twice+own.unordered == 0), verdict(own.p99 <= 10*time.Millisecond))
	if own.lost+own.twice+own.unordered > 0 {
		return fmt.Errorf("%+v", own)
	}
	return nil
}

// measureLogMany follows many containers at once.
func (s settings) measureLogMany(ctx context.Context, stdout io.Writer) error {
	root, files, err := logTree(followPods, followContainers)
	defer os.RemoveAll(root)
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	if err != nil {
		return err
	}
	d, err := s.startLogDaemon(ctx, root)
	if err != nil {
		return err
	}
	defer d.stop()
	pid := d.cmd.Process.Pid
	idle, err := memoryOf(pid)
	if err != nil {
		return err
	}
	idleHeld := heldBy(pid)
	// Used by the sampler only, until it has stopped.
	var most memory
	var mostHeld held
	watch := startSampler(20*time.Millisecond, func() {
		if m, err := memoryOf(pid); err == nil {
			most.anonymous, most.resident = max(most.anonymous, m.anonymous), max(most.resident, m.resident)
		}
		mostHeld.descriptors = max(mostHeld.descriptors, heldBy(pid).descriptors)
	})
	args := []string{filepath.Join(s.bin, "nodectl"), "--address", d.address, "logs", "-f", "-n", "default", "statefulset/web", "--all-pods",
		"--all-containers", "--tail=0", "--prefix=false", "--max-log-requests=1000"}
	goroutines := 0
	f, t, err := s.followed(ctx, files, len(files)*linesOfEach, func() (err error) {
		goroutines, err = d.goroutines()
		return err
	}, args, pid)
	watch.stop()
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "\nFollowing %d pods of %d containers at once, %d lines a second of each for %v: %d lost, %d twice; p50 %v, p99 %v, longest %v; CPU of noded and nodectl %.0f%%.\n",
		followPods, followContainers, linesOfEach, s.span, t.lost, t.twice, t.p50, t.p99, t.longest, 100*f.cpu.Seconds()/s.span.Seconds())
	fmt.Fprintf(stdout, "noded's own memory was %.1f MB before, at most %.1f MB (%.1f MB resident); it held %d descriptors before and at most %d, and had %d goroutines.\n",
		mb(idle.anonymous), mb(most.anonymous), mb(most.resident), idleHeld.descriptors, mostHeld.descriptors, goroutines)
	if t.lost+t.twice > 0 {
		return fmt.Errorf("%+v", t)
	}
	return nil
}

var goroutineLine = regexp.MustCompile(`(?m)^goroutine \d+ `)

// goroutines ends noded and returns how many goroutines it had.
func (d *daemon) goroutines() (int, error) {
	if err := d.cmd.Process.Signal(syscall.SIGQUIT); err != nil {
		return 0, err
	}
	_ = d.cmd.Wait() // it was asked to die
	return len(goroutineLine.FindAll(d.stderr.Bytes(), -1)), nil
}
