// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package containerd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// endTimeout is how long containerd may take to end.
const endTimeout = time.Minute

// daemon is one run of containerd.
type daemon struct {
	// nsenter is the parent of containerd; exited is closed when both have ended. pid is containerd as this machine knows it.
	nsenter *os.Process
	pid     int
	exited  chan struct{}
}

// Up starts containerd and returns when it answers. Containers that it left behind when it went down are still there.
func (r *Runtime) Up(ctx context.Context) error {
	if r.daemon != nil {
		return errors.New("containerd runs already")
	}
	log, err := os.OpenFile(r.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	const script = `programs=$1 config=$2; shift 2
for cgroup in "$@"; do echo 0 >"$cgroup/cgroup.procs"; done
PATH=$programs:/usr/sbin:/usr/bin:/sbin:/bin exec "$programs/containerd" --log-level warn --config "$config"`
	args := []string{
		"-t", strconv.Itoa(r.pid), "-m", "-n", "-p", "--wd=/", "--",
		"/bin/sh", "-c", script, "sh", r.programs, filepath.Join(r.workdir, "config.toml"),
	}
	cmd := exec.Command("nsenter", append(args, r.daemonCgroups...)...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start containerd: %w", err)
	}
	d := &daemon{nsenter: cmd.Process, exited: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // nsenter ends as containerd does; its log tells
		close(d.exited)
	}()
	r.daemon = d
	if err := r.waitAnswers(ctx); err != nil {
		return fmt.Errorf("start containerd: %w\n%s", err, r.Log())
	}
	return nil
}

// waitAnswers waits until containerd is ready for pods.
func (r *Runtime) waitAnswers(ctx context.Context) error {
	for {
		if found := children(r.daemon.nsenter.Pid); len(found) == 1 {
			r.daemon.pid = found[0]
		}
		answer, err := r.runtimeAPI.Status(ctx, &cri.StatusRequest{})
		ready := err == nil && r.daemon.pid != 0
		for _, condition := range answer.GetStatus().GetConditions() {
			// Others are complaints.
			if kind := condition.GetType(); kind == cri.RuntimeReady || kind == cri.NetworkReady {
				ready = ready && condition.GetStatus()
			}
		}
		if ready {
			return nil
		}
		select {
		case <-r.daemon.exited:
			return errors.New("it ended")
		default:
		}
		if wait(ctx, pollInterval) != nil {
			return errors.Join(ctx.Err(), err)
		}
	}
}

// Down ends containerd in an orderly way, as an update of its package does. Containers go on.
func (r *Runtime) Down(ctx context.Context) error { return r.end(ctx, unix.SIGTERM) }

// Kill ends containerd at once. Containers go on.
func (r *Runtime) Kill(ctx context.Context) error { return r.end(ctx, unix.SIGKILL) }

// Freeze stops containerd in its tracks: its socket accepts connections and nothing answers. Thaw lets it go on.
func (r *Runtime) Freeze() error { return r.signal(unix.SIGSTOP) }

// Thaw ends Freeze.
func (r *Runtime) Thaw() error {
	if err := r.signal(unix.SIGCONT); err != nil {
		return err
	}
	// It stops when its child does.
	return r.daemon.nsenter.Signal(unix.SIGCONT)
}

func (r *Runtime) signal(s unix.Signal) error {
	if r.daemon == nil {
		return errors.New("containerd is down")
	}
	return unix.Kill(r.daemon.pid, s)
}

func (r *Runtime) end(ctx context.Context, s unix.Signal) error {
	if err := r.signal(s); err != nil {
		return fmt.Errorf("end containerd: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	select {
	case <-r.daemon.exited:
		r.daemon = nil
		return nil
	case <-ctx.Done():
		return fmt.Errorf("end containerd: %w", ctx.Err())
	}
}

// waitClosed waits until containerd has closed a file: it tells of the end of a container before it has written the last of its log, and
// writes to a log that was rotated what it had read before.
func (r *Runtime) waitClosed(ctx context.Context, file string) error {
	wanted, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was rotated
	}
	if err != nil {
		return err
	}
	d := r.daemon
	for d != nil {
		open, err := isOpen(d.pid, wanted)
		if err != nil || !open {
			return err
		}
		if err := wait(ctx, pollInterval); err != nil {
			return fmt.Errorf("wait until containerd has closed %s: %w", file, err)
		}
	}
	return nil
}

// isOpen reports whether a process has a file open.
func isOpen(pid int, file os.FileInfo) (bool, error) {
	all, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return false, err
	}
	for _, fd := range all {
		if info, err := os.Stat(fd); err == nil && os.SameFile(info, file) {
			return true, nil
		}
	}
	return false, nil
}
