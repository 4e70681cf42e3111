// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
)

// Container says what container is wanted.
type Container struct {
	Name string
	// Args are the steps that package workload does; without any it waits to be stopped.
	Args []string
	// Program is run instead of that one, if it is not empty.
	Program string
	// LogDriver is json-file if it is empty; LogOptions are its options.
	LogDriver  string
	LogOptions map[string]string
	Labels     map[string]string
	Env        []string
	// Binds are mounts, HOST:CONTAINER[:ro].
	Binds []string
	// MemoryLimit is in bytes, CPULimit in thousandths of a core; 0 for none.
	MemoryLimit, CPULimit int64
	// Restarts is how often it is started again after a failure.
	Restarts int
	// Terminal: its output goes through a terminal.
	Terminal bool
}

// Create makes a container that does not run yet, and returns its id.
func (d *Daemon) Create(ctx context.Context, c Container) (id string, err error) {
	options := client.ContainerCreateOptions{
		Name: c.Name,
		Config: &container.Config{
			Image: Image, Cmd: c.Args, Labels: c.Labels, Env: c.Env, Tty: c.Terminal,
		},
		HostConfig: &container.HostConfig{
			NetworkMode: "none", Binds: c.Binds, LogConfig: container.LogConfig{Type: c.LogDriver, Config: c.LogOptions},
			Resources: container.Resources{Memory: c.MemoryLimit, NanoCPUs: c.CPULimit * 1_000_000},
		},
	}
	if c.Restarts > 0 {
		options.HostConfig.RestartPolicy = container.RestartPolicy{Name: container.RestartPolicyOnFailure, MaximumRetryCount: c.Restarts}
	}
	if c.Program != "" {
		options.Config.Entrypoint = []string{c.Program}
	}
	created, err := d.api.ContainerCreate(ctx, options)
	if err != nil {
		return "", fmt.Errorf("create container %s: %w", c.Name, err)
	}
	return created.ID, nil
}

// Run starts a container and returns its id.
func (d *Daemon) Run(ctx context.Context, c Container) (id string, err error) {
	if id, err = d.Create(ctx, c); err != nil {
		return "", err
	}
	if _, err := d.api.ContainerStart(ctx, id, client.ContainerStartOptions{}); err != nil {
		return "", fmt.Errorf("start container %s: %w", c.Name, err)
	}
	return id, nil
}

// Wait waits until a container has ended and is not started again.
func (d *Daemon) Wait(ctx context.Context, id string) error {
	for {
		answer, err := d.api.ContainerInspect(ctx, id, client.ContainerInspectOptions{})
		if err != nil {
			return fmt.Errorf("wait for container %s: %w", id, err)
		}
		if s := answer.Container.State; s != nil && !s.Running && !s.Restarting {
			return nil
		}
		if err := wait(ctx, pollInterval); err != nil {
			return fmt.Errorf("wait for container %s: %w", id, err)
		}
	}
}

// API returns a client of the daemon, for what there is no method for.
func (d *Daemon) API() *client.Client { return d.api }

// Message is one piece of what a container wrote.
type Message struct {
	// Stream is 1 for stdout and 2 for stderr.
	Stream uint8
	Text   string
}

// Logs returns what "docker logs" prints of a container.
func (d *Daemon) Logs(ctx context.Context, id string) ([]Message, error) {
	body, err := d.api.ContainerLogs(ctx, id, client.ContainerLogsOptions{ShowStdout: true, ShowStderr: true})
	if err != nil {
		return nil, fmt.Errorf("read log of container %s: %w", id, err)
	}
	defer body.Close()
	var out []Message
	for {
		// The stream, three bytes of zero, and the length.
		var head [8]byte
		if _, err := io.ReadFull(body, head[:]); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, fmt.Errorf("read log of container %s: %w", id, err)
		}
		text := make([]byte, binary.BigEndian.Uint32(head[4:]))
		if _, err := io.ReadFull(body, text); err != nil {
			return nil, fmt.Errorf("read log of container %s: %w", id, err)
		}
		out = append(out, Message{head[0], string(text)})
	}
}
