// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/client"

	source "github.com/noded/noded/runtime/docker"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
	"github.com/noded/noded/test/docker"
)

// watched is a source that runs.
type watched struct {
	*source.Source
	changed chan struct{}
}

func watch(t *testing.T, d *docker.Daemon) *watched {
	t.Helper()
	w := &watched{
		Source:  source.New(source.Config{Socket: d.Socket(), Root: d.LogRoot(), Logger: slog.New(slog.DiscardHandler)}),
		changed: make(chan struct{}, 1),
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Run(ctx, func() {
			select {
			case w.changed <- struct{}{}:
			default:
			}
		})
	}()
	t.Cleanup(func() { cancel(); <-done })
	return w
}

// wait waits until a container is as holds says.
func (w *watched) wait(ctx context.Context, t *testing.T, name string, holds func(c *inventory.Container) bool) inventory.Container {
	t.Helper()
	for {
		_, containers, status := w.State()
		for i := range containers {
			if containers[i].Name == name && status.Err == nil && holds(&containers[i]) {
				return containers[i]
			}
		}
		select {
		case <-w.changed:
		case <-ctx.Done():
			t.Fatalf("container %s: %+v %+v", name, containers, status)
		}
	}
}

func isIn(state inventory.ContainerState) func(c *inventory.Container) bool {
	return func(c *inventory.Container) bool { return c.State == state }
}

// TestSource starts, changes and ends containers, and looks at what runtime/docker says about them.
func TestSource(t *testing.T) {
	t.Parallel()
	d := docker.Start(t)
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	t.Cleanup(cancel)
	w := watch(t, d)
	start := func(c docker.Container) string {
		id, err := d.Run(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}

	t.Run("running", func(t *testing.T) {
		began := time.Now().Add(-time.Second)
		dir := t.TempDir()
		id := start(docker.Container{
			Name: "web", Args: []string{"out:hello", "pause"}, Env: []string{"PASSWORD=canary-env"}, Labels: map[string]string{"app": "web"},
			MemoryLimit: 64 << 20, CPULimit: 500, Binds: []string{dir + ":/data:ro"},
		})
		c := w.wait(ctx, t, "web", isIn(inventory.ContainerRunning))
		if c.Started.Before(began) || c.Started.After(time.Now()) || c.Created.Before(began) || c.Created.After(c.Started) || c.PID <= 1 {
			t.Errorf("created %v, started %v, pid %d", c.Created, c.Started, c.PID)
		}
		if !strings.HasPrefix(c.ImageID, "sha256:") {
			t.Errorf("image %q", c.ImageID)
		}
		want := inventory.Container{
			Name: "web", ID: id, Image: docker.Image, ImageID: c.ImageID, State: inventory.ContainerRunning, Created: c.Created, Started: c.Started,
			Resources: inventory.Resources{CPULimit: 500, MemoryLimit: 64 << 20}, Labels: map[string]string{"app": "web"}, Runtime: "docker",
			Mounts: []inventory.Mount{{ContainerPath: "/data", HostPath: dir, ReadOnly: true}}, PID: c.PID,
			Log: &inventory.Log{Layout: podlog.LayoutDocker, Dir: id},
		}
		if diff := cmp.Diff(want, c); diff != "" {
			t.Errorf("container (-want +got):\n%s", diff)
		}
		if text := fmt.Sprintf("%+v", c); strings.Contains(text, "canary") || strings.Contains(text, "out:hello") {
			t.Errorf("environment or command line in %s", text)
		}
	})
	t.Run("stopped", func(t *testing.T) {
		id := start(docker.Container{Name: "stopped", Args: []string{"sleep:1h", "exit:1"}})
		w.wait(ctx, t, "stopped", isIn(inventory.ContainerRunning))
		if _, err := d.API().ContainerPause(ctx, id, client.ContainerPauseOptions{}); err != nil {
			t.Fatal(err)
		}
		w.wait(ctx, t, "stopped", func(c *inventory.Container) bool {
			return c.Reason == "Paused" && c.State == inventory.ContainerRunning
		})
		if _, err := d.API().ContainerUnpause(ctx, id, client.ContainerUnpauseOptions{}); err != nil {
			t.Fatal(err)
		}
		w.wait(ctx, t, "stopped", func(c *inventory.Container) bool { return c.Reason == "" })
		if _, err := d.API().ContainerKill(ctx, id, client.ContainerKillOptions{Signal: "KILL"}); err != nil {
			t.Fatal(err)
		}
		c := w.wait(ctx, t, "stopped", isIn(inventory.ContainerExited))
		if *c.ExitCode != 137 || c.Reason != "Error" || c.PID != 0 || c.Finished.Before(c.Started) {
			t.Errorf("container %+v", c)
		}
		if _, err := d.API().ContainerRename(ctx, id, client.ContainerRenameOptions{NewName: "halted"}); err != nil {
			t.Fatal(err)
		}
		w.wait(ctx, t, "halted", isIn(inventory.ContainerExited))
		if _, err := d.API().ContainerRemove(ctx, id, client.ContainerRemoveOptions{}); err != nil {
			t.Fatal(err)
		}
		for gone := false; !gone; {
			if err := ctx.Err(); err != nil {
				t.Fatal("the container is still there")
			}
			_, containers, _ := w.State()
			gone = true
			for i := range containers {
				gone = gone && containers[i].ID != id
			}
			time.Sleep(time.Millisecond)
		}
	})
	table := t.TempDir()
	ends := map[string]struct {
		container docker.Container
		code      int32
		reason    string
		run       uint32
	}{
		"completed": {docker.Container{Args: []string{"out:done"}}, 0, "Completed", 0},
		"error":     {docker.Container{Args: []string{"exit:3"}}, 3, "Error", 0},
		"restarted": {docker.Container{Args: []string{"exit:4"}, Restarts: 2}, 4, "Error", 2},
		"oom": {docker.Container{
			Args: []string{"await:/table/served", "alloc:200"}, MemoryLimit: 32 << 20, Binds: []string{table + ":/table:ro"},
		}, 137, "OOMKilled", 0},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			end.container.Name = name
			id := start(end.container)
			// Docker does not notice that a container runs out of memory while it is being started.
			if err := os.WriteFile(filepath.Join(table, "served"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := d.Wait(ctx, id); err != nil {
				t.Fatal(err)
			}
			c := w.wait(ctx, t, name, func(c *inventory.Container) bool {
				reason := end.reason
				if reason == "OOMKilled" && !saysOutOfMemory(ctx, t, d, id) {
					reason = "Error"
				}
				return c.State == inventory.ContainerExited && c.Run == end.run && c.Message == "" && c.Reason == reason
			})
			if *c.ExitCode != end.code || c.Finished.IsZero() || c.PID != 0 {
				t.Errorf("exit code %d, reason %q, %+v", *c.ExitCode, c.Reason, c)
			}
		})
	}
	t.Run("cannot run", func(t *testing.T) {
		id, err := d.Create(ctx, docker.Container{Name: "broken", Program: "/nothing"})
		if err != nil {
			t.Fatal(err)
		}
		// No event tells of the attempt to start it.
		w.wait(ctx, t, "broken", isIn(inventory.ContainerCreated))
		if _, err := d.API().ContainerStart(ctx, id, client.ContainerStartOptions{}); err == nil {
			t.Fatal("it runs")
		}
		c := w.wait(ctx, t, "broken", isIn(inventory.ContainerExited))
		if c.Reason != "ContainerCannotRun" || c.Message == "" || *c.ExitCode == 0 {
			t.Errorf("container %+v", c)
		}
	})
	t.Run("other log driver", func(t *testing.T) {
		start(docker.Container{Name: "local", LogDriver: "local"})
		c := w.wait(ctx, t, "local", isIn(inventory.ContainerRunning))
		if c.Log != nil || !strings.Contains(c.Message, `"local"`) {
			t.Errorf("log %+v, message %q", c.Log, c.Message)
		}
	})
	t.Run("daemon restarts", func(t *testing.T) { testDown(ctx, t, d, w) })
	if problems := w.Problems(); len(problems) != 0 {
		t.Errorf("problems: %q", problems)
	}
}

// testDown ends the daemon and starts it again.
func testDown(ctx context.Context, t *testing.T, d *docker.Daemon, w *watched) {
	t.Helper()
	_, before, status := w.State()
	if status.Name != "docker" || status.Version == "" || !status.Events || status.Socket != d.Socket() {
		t.Errorf("status %+v", status)
	}
	if err := d.Down(ctx); err != nil {
		t.Fatal(err)
	}
	for {
		_, containers, status := w.State()
		if status.Err != nil {
			if len(containers) != len(before) || status.Version == "" {
				t.Errorf("without the daemon %d containers, before %d", len(containers), len(before))
			}
			break
		}
		select {
		case <-w.changed:
		case <-ctx.Done():
			t.Fatal("the end of the daemon was not seen")
		}
	}
	if err := d.Up(ctx); err != nil {
		t.Fatal(err)
	}
	// It ended with its daemon.
	c := w.wait(ctx, t, "web", isIn(inventory.ContainerExited))
	if c.ExitCode == nil {
		t.Errorf("container %+v", c)
	}
	if _, err := d.Run(ctx, docker.Container{Name: "after"}); err != nil {
		t.Fatal(err)
	}
	w.wait(ctx, t, "after", isIn(inventory.ContainerRunning))
}

// saysOutOfMemory reports whether dockerd knows that a container ran out of memory: it notices late, and on a busy machine it can miss that.
func saysOutOfMemory(ctx context.Context, t *testing.T, d *docker.Daemon, id string) bool {
	t.Helper()
	r, err := d.API().ContainerInspect(ctx, id, client.ContainerInspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	known := r.Container.State != nil && r.Container.State.OOMKilled
	if !known {
		t.Log("dockerd does not know that it ran out of memory")
	}
	return known
}
