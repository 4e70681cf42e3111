// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/dirwatch"
	source "github.com/noded/noded/runtime/docker"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
	"github.com/noded/noded/runtime/safefs"
	"github.com/noded/noded/test/containerd/lines"
	"github.com/noded/noded/test/docker"
)

// collector is a podlog.Sink that keeps all.
type collector struct {
	lines    []docker.Message
	times    []int64
	gaps     []journal.Gap
	progress podlog.Progress
	// onRecord is called after each record, if it is set.
	onRecord func(text string)
}

// Record implements podlog.Sink.
func (c *collector) Record(r *podlog.Record) error {
	text := string(r.Text)
	if !r.Partial {
		text += "\n"
	}
	if r.Unparsed {
		return errors.New("unparsed: " + text)
	}
	c.lines = append(c.lines, docker.Message{Stream: uint8(r.Stream), Text: text})
	c.times = append(c.times, r.Time)
	if c.onRecord != nil {
		c.onRecord(text)
	}
	return nil
}

// Gap implements podlog.Sink.
func (c *collector) Gap(g journal.Gap) error {
	c.gaps = append(c.gaps, g)
	return nil
}

// Progress implements podlog.Sink.
func (c *collector) Progress(p podlog.Progress) error {
	c.progress = p
	return nil
}

// Flush implements podlog.Sink.
func (c *collector) Flush() error { return nil }

// joined puts the pieces of long lines together. A line is where its end is; lines without an end come last.
func joined(pieces []docker.Message) (out []docker.Message) {
	var rest [3]string
	for _, p := range pieces {
		rest[p.Stream] += p.Text
		if strings.HasSuffix(p.Text, "\n") {
			out = append(out, docker.Message{Stream: p.Stream, Text: rest[p.Stream]})
			rest[p.Stream] = ""
		}
	}
	for stream, text := range rest {
		if text != "" {
			out = append(out, docker.Message{Stream: uint8(stream), Text: text})
		}
	}
	return out
}

// readLog returns what podlog reads of a container that has ended.
func readLog(ctx context.Context, t *testing.T, d *docker.Daemon, id string, q podlog.Query) *collector {
	t.Helper()
	logs := podlog.New(podlog.Config{Docker: safefs.NewRoot(d.LogRoot()), Logger: slog.New(slog.DiscardHandler)})
	c := new(collector)
	target := podlog.Target{Source: podlog.Source{Container: "c", ID: id}, Layout: podlog.LayoutDocker, Dir: id, Ended: true}
	if err := logs.Read(ctx, podlog.Fixed{target}, q, c); err != nil {
		t.Fatal(err)
	}
	return c
}

// checkReads reads the log of a container that has ended in several ways. want is what "docker logs" prints of it, with the lines
// before that Docker keeps and does not print.
func checkReads(ctx context.Context, t *testing.T, d *docker.Daemon, id string, want []docker.Message) {
	t.Helper()
	want = joined(want)
	query := podlog.NewQuery()
	all := readLog(ctx, t, d, id, query)
	if diff := cmp.Diff(want, all.lines); diff != "" {
		t.Errorf("podlog (-docker logs +podlog):\n%.4000s", diff)
	}
	if len(all.gaps) != 0 {
		t.Errorf("gaps: %v", all.gaps)
	}

	query.Reverse = true
	reversed := readLog(ctx, t, d, id, query).lines
	slices.Reverse(reversed)
	if diff := cmp.Diff(all.lines, reversed); diff != "" {
		t.Errorf("backwards (-forwards +backwards):\n%.4000s", diff)
	}

	query = podlog.NewQuery()
	query.Tail = 10
	if diff := cmp.Diff(all.lines[max(0, len(all.lines)-10):], readLog(ctx, t, d, id, query).lines); diff != "" {
		t.Errorf("the last 10 (-all +tail):\n%.4000s", diff)
	}

	if len(all.lines) == 0 {
		return
	}
	query = podlog.NewQuery()
	middle := all.times[len(all.times)/2]
	query.Since = &middle
	var later []docker.Message
	for i := range all.lines {
		if all.times[i] >= middle {
			later = append(later, all.lines[i])
		}
	}
	if diff := cmp.Diff(later, readLog(ctx, t, d, id, query).lines); diff != "" {
		t.Errorf("since %d (-all +since):\n%.4000s", middle, diff)
	}
	query = podlog.NewQuery()
	query.Cursor = all.progress.Cursor
	if again := readLog(ctx, t, d, id, query); len(again.lines) != 0 || len(again.gaps) != 0 {
		t.Errorf("after the last cursor: %q %v", again.lines, again.gaps)
	}
}

// TestFollow follows a container whose log Docker rotates and compresses all the time.
func TestFollow(t *testing.T) {
	t.Parallel()
	d := docker.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	// It writes more only when the follower has what there is: what is removed has been read, also on a busy machine.
	const count, portion = 6000, 200
	turns := t.TempDir()
	writer := docker.Container{
		Name: "writer", Binds: []string{turns + ":/turns:ro"}, LogOptions: map[string]string{"max-size": "64k", "max-file": "4", "compress": "true"},
	}
	for n := portion; n <= count; n += portion {
		writer.Args = append(writer.Args, fmt.Sprintf("lines:%d@3000", portion), fmt.Sprintf("await:/turns/%d", n))
	}
	id, err := d.Run(ctx, writer)
	if err != nil {
		t.Fatal(err)
	}
	hub := dirwatch.NewHub(slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := hub.Close(); err != nil {
			t.Error(err)
		}
	})
	logs := podlog.New(podlog.Config{Docker: safefs.NewRoot(d.LogRoot()), Hub: hub, Logger: slog.New(slog.DiscardHandler)})
	following, stop := context.WithCancel(ctx)
	defer stop()
	n := 0
	c := &collector{onRecord: func(text string) {
		if n++; n%portion == 0 && n < count {
			if err := os.WriteFile(filepath.Join(turns, strconv.Itoa(n)), nil, 0o644); err != nil {
				t.Error(err)
			}
		}
		if text == lines.Make(count, 0)+"\n" {
			stop()
		}
	}}
	query := podlog.NewQuery()
	query.Follow = true
	target := podlog.Target{Source: podlog.Source{Container: "writer", ID: id}, Layout: podlog.LayoutDocker, Dir: id}
	if err := logs.Read(following, podlog.Fixed{target}, query, c); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if len(c.gaps) != 0 {
		t.Errorf("gaps: %v", c.gaps)
	}
	if len(c.lines) != count {
		t.Fatalf("%d lines, want %d", len(c.lines), count)
	}
	for i, line := range c.lines {
		if want := lines.Make(i+1, 0) + "\n"; line.Text != want {
			t.Fatalf("line %d is %q, want %q", i+1, line.Text, want)
		}
	}
	awaitPacked(ctx, t, filepath.Join(d.LogRoot(), id), writer)
	_, files := readFiles(t, d.LogRoot()+"/"+id, id)
	if len(files) != 4 {
		t.Errorf("files: %q", files)
	}
	t.Logf("the last line is %v old", time.Since(time.Unix(0, c.times[count-1])).Round(time.Millisecond))
}

// TestFollowRestarts follows a container by the beginning of its id while Docker starts it again and again, until it gives up.
func TestFollowRestarts(t *testing.T) {
	t.Parallel()
	d := docker.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	hub := dirwatch.NewHub(slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		if err := hub.Close(); err != nil {
			t.Error(err)
		}
	})
	logger := slog.New(slog.DiscardHandler)
	inv := inventory.New(inventory.Config{
		Sources: []inventory.Source{source.New(source.Config{Socket: d.Socket(), Root: d.LogRoot(), Logger: logger})}, Hub: hub, Logger: logger,
	})
	running, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- inv.Run(running) }()
	t.Cleanup(func() { stop(); <-done })

	const count, restarts = 50, 3
	id, err := d.Run(ctx, docker.Container{Name: "loop", Args: []string{"lines:50@500", "exit:1"}, Restarts: restarts})
	if err != nil {
		t.Fatal(err)
	}
	changed, unsubscribe := inv.Subscribe()
	defer unsubscribe()
	set, err := inv.Logs(ctx, inventory.LogSelector{ContainerIDs: []string{id[:12]}}, true)
	for errors.Is(err, inventory.ErrNotFound) && ctx.Err() == nil {
		select {
		case <-changed:
		case <-ctx.Done():
		}
		set, err = inv.Logs(ctx, inventory.LogSelector{ContainerIDs: []string{id[:12]}}, true)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	logs := podlog.New(podlog.Config{Docker: safefs.NewRoot(d.LogRoot()), Hub: hub, Logger: logger})
	query := podlog.NewQuery()
	query.Follow = true
	c := new(collector)
	// It ends by itself, when the container has ended for good.
	if err := logs.Read(ctx, set, query, c); err != nil {
		t.Fatal(err)
	}
	if len(c.lines) != count*(restarts+1) || len(c.gaps) != 0 {
		t.Fatalf("%d lines, want %d; gaps %v", len(c.lines), count*(restarts+1), c.gaps)
	}
	for i, line := range c.lines {
		if want := lines.Make(i%count+1, 0) + "\n"; line.Text != want {
			t.Fatalf("line %d is %q, want %q", i+1, line.Text, want)
		}
	}
}
