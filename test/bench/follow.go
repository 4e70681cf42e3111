// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/noded/noded/test/testnode"
)

const (
	// slowRate is that of the run that looks at delays.
	slowRate = 1000
	// burst is the number of entries by which journald's own speed is measured.
	burst = 200_000
	// quiet is how long nothing may arrive before what is missing counts as lost.
	quiet = time.Minute

	journaldConfig = "[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\nRateLimitBurst=0\nSystemMaxUse=4G\nForwardToSyslog=no\nForwardToWall=no\nForwardToConsole=no\n"

	nodeSocket = "/run/noded-bench.sock"
)

// followBench measures following in a booted node.
type followBench struct {
	settings
	node   *testnode.Node
	stdout io.Writer
	// noded is the daemon's process, as this machine sees it.
	noded int
}

// measureFollow boots a node with a journald of its own, and noded in it.
func (s settings) measureFollow(ctx context.Context, stdout, stderr io.Writer) (err error) {
	fmt.Fprintln(stderr, "booting a node ...")
	node, err := testnode.Boot(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.Shutdown()) }()
	b := &followBench{settings: s, node: node, stdout: stdout}
	if err := b.install(ctx); err != nil {
		return err
	}
	noded := node.Command(ctx, "/usr/local/bin/noded", "--config", "/root/noded.yaml", "--socket", nodeSocket, "--state-directory", "/root", "--engine", s.engine)
	var log strings.Builder
	noded.Stderr = &log
	if err := noded.Start(); err != nil {
		return err
	}
	defer func() {
		_ = noded.Cancel()
		_ = noded.Wait() // it was killed
		if err != nil {
			err = fmt.Errorf("%w\nnoded's log:\n%s", err, log.String())
		}
	}()
	if b.noded, err = childOf(ctx, noded.Process.Pid); err != nil {
		return err
	}
	return b.measure(ctx)
}

// install puts this program, noded and nodectl into the node and makes journald take whatever comes.
func (b *followBench) install(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for from, to := range map[string]string{self: "bench", filepath.Join(b.bin, "noded"): "noded", filepath.Join(b.bin, "nodectl"): "nodectl"} {
		if err := b.node.CopyIn(ctx, from, "/usr/local/bin/"+to, 0o755); err != nil {
			return err
		}
	}
	if err := b.node.WriteFile(ctx, "/root/noded.yaml", strings.NewReader(""), 0o600); err != nil {
		return err
	}
	if err := b.node.WriteFile(ctx, "/etc/systemd/journald.conf.d/bench.conf", strings.NewReader(journaldConfig), 0o644); err != nil {
		return err
	}
	_, err = b.node.Run(ctx, "systemctl", "restart", "systemd-journald.service")
	return err
}

// round is one measurement: entries that are written at a rate while some follow.
type round struct {
	name      string
	rate      int // entries a second; 0 is as fast as journald takes them
	count     int
	followers []string
}

// The followers, all in one form of output.
const (
	nodectl    = "nodectl"
	journalctl = "journalctl"
)

func (b *followBench) measure(ctx context.Context) error {
	seconds := int(b.span / time.Second)
	rounds := []round{
		{"nobody follows, as fast as journald takes them", 0, burst, nil},
		{fmt.Sprintf("%d a second for %v", b.rate, b.span), b.rate, b.rate * seconds, []string{nodectl}},
		{fmt.Sprintf("%d a second for %v", b.rate, b.span/2), b.rate, b.rate * seconds / 2, []string{nodectl, journalctl}},
		{fmt.Sprintf("%d a second for %v", slowRate, b.span), slowRate, slowRate * seconds, []string{nodectl, journalctl}},
	}
	fmt.Fprintf(b.stdout, "%s, engine %s, `-f -o json`; times are from before an entry is sent to journald until its line is read\n\n", version(ctx), b.engine)
	fmt.Fprintln(b.stdout, "| entries written | a second | follower | lost | twice | out of order | p50 | p99 | longest | CPU | CPU per entry |")
	fmt.Fprintln(b.stdout, "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|")
	var wrong int
	var slow tally
	for _, r := range rounds {
		t, err := b.round(ctx, r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		wrong += t.lost + t.twice + t.unordered
		if r.rate == slowRate {
			slow = t
		}
	}
	fmt.Fprintf(b.stdout, "\nAims of nodectl: nothing lost, twice or out of order (%s); p99 of at most 10 ms at %d a second (%s).\n",
		verdict(wrong == 0), slowRate, verdict(slow.p99 <= 10*time.Millisecond))
	if wrong > 0 {
		return fmt.Errorf("%d entries did not arrive as they should", wrong)
	}
	return nil
}

// round measures one round, prints its rows, and returns what became of the entries with nodectl.
func (b *followBench) round(ctx context.Context, r round) (own tally, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var followers []*follower
	defer func() {
		cancel()
		for _, f := range followers {
			f.done.Wait()
		}
	}()
	for _, name := range r.followers {
		f, err := b.startFollower(ctx, name, r.count)
		if err != nil {
			return own, err
		}
		followers = append(followers, f)
	}
	if err := b.awaitFollowers(ctx, followers); err != nil {
		return own, err
	}
	for _, f := range followers {
		f.cpu = -f.cpuTime()
	}
	begin := time.Now()
	out, err := b.node.Run(ctx, "/usr/local/bin/bench", "-follow", "-write", fmt.Sprintf("%d,%d", r.rate, r.count))
	if err != nil {
		return own, err
	}
	var took time.Duration
	if took, err = time.ParseDuration(strings.TrimSpace(out)); err != nil {
		return own, err
	}
	perSecond := float64(r.count) / took.Seconds()
	if len(followers) == 0 {
		fmt.Fprintf(b.stdout, "| %s | %.0f | | | | | | | | | |\n", r.name, perSecond)
	}
	for _, f := range followers {
		f.finish(ctx)
	}
	elapsed := time.Since(begin)
	for _, f := range followers {
		f.cpu += f.cpuTime()
		t := f.result()
		fmt.Fprintf(b.stdout, "| %s | %.0f | %s | %d | %d | %d | %s | %s | %s | %.0f%% | %.0f µs |\n", r.name, perSecond, f.title(),
			t.lost, t.twice, t.unordered, t.p50, t.p99, t.longest, 100*f.cpu.Seconds()/elapsed.Seconds(), f.cpu.Seconds()*1e6/float64(r.count))
		if f.name == nodectl {
			own = t
		}
	}
	return own, nil
}

// awaitFollowers writes entries until every follower has printed one.
func (b *followBench) awaitFollowers(ctx context.Context, followers []*follower) error {
	w, err := dialJournal(b.node.Path(journalSocket))
	if err != nil {
		return err
	}
	defer w.Close()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 300 {
		if _, err := w.Write(entryOf("warm")); err != nil {
			return err
		}
		ready := true
		for _, f := range followers {
			ready = ready && f.isReady()
		}
		if ready {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return errors.New("a follower prints nothing")
}
