// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// daemon is a noded on a directory of journal files.
type daemon struct {
	cmd     *exec.Cmd
	address string
	dir     string
	// remove are directories that are of no use after it.
	remove []string
	stderr bytes.Buffer
}

// startDaemon starts noded and waits until it answers.
func startDaemon(ctx context.Context, bin, journal, engine string) (*daemon, error) {
	return startConfigured(ctx, bin, journal, engine, "")
}

// startConfigured starts noded with a configuration.
func startConfigured(ctx context.Context, bin, journal, engine, settings string) (*daemon, error) {
	dir, err := os.MkdirTemp("", "noded-bench-run")
	if err != nil {
		return nil, err
	}
	config, socket := filepath.Join(dir, "noded.yaml"), filepath.Join(dir, "s")
	if err := os.WriteFile(config, []byte(settings), 0o600); err != nil {
		return nil, err
	}
	d := &daemon{address: "unix://" + socket, dir: dir}
	d.cmd = exec.CommandContext(ctx, filepath.Join(bin, "noded"), "--config", config, "--socket", socket,
		"--journal-directory", journal, "--state-directory", dir, "--engine", engine)
	d.cmd.Stderr = &d.stderr
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	for range 6000 {
		if _, err := os.Stat(socket); err == nil {
			// Let the start settle before memory is looked at.
			time.Sleep(2 * time.Second)
			return d, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	d.stop()
	return nil, fmt.Errorf("noded does not listen:\n%s", d.stderr.Bytes())
}

func (d *daemon) stop() {
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	_ = d.cmd.Wait()
	for _, dir := range append(d.remove, d.dir) {
		_ = os.RemoveAll(dir)
	}
}

// memory is what a process uses, in bytes.
type memory struct {
	// anonymous is its own memory; what it has mapped of files is not in it, as that is the page cache's.
	anonymous int64
	// resident is all of it, peak the most of that ever.
	resident, peak int64
}

func memoryOf(pid int) (memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return memory{}, err
	}
	var m memory
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		to := map[string]*int64{"RssAnon": &m.anonymous, "VmRSS": &m.resident, "VmHWM": &m.peak}[name]
		if to == nil {
			continue
		}
		kib, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
		if err != nil {
			return memory{}, err
		}
		*to = kib * 1024
	}
	if m.resident == 0 {
		return memory{}, errors.New("no VmRSS in /proc/PID/status")
	}
	return m, nil
}

// sampler calls look again and again until it is stopped.
type sampler struct {
	stopped chan struct{}
	done    sync.WaitGroup
}

func startSampler(every time.Duration, look func()) *sampler {
	s := &sampler{stopped: make(chan struct{})}
	s.done.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			look()
			select {
			case <-s.stopped:
				return
			case <-tick.C:
			}
		}
	})
	return s
}

// stop returns when look will not be called any more.
func (s *sampler) stop() {
	close(s.stopped)
	s.done.Wait()
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }
