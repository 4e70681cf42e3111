// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package docker

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	_ "embed" // run.sh
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/client"
	"golang.org/x/sys/unix"

	"github.com/noded/noded/test/cgroup"
)

//go:embed run.sh
var runScript string

const (
	startTimeout = 5 * time.Minute // with a build
	endTimeout   = 2 * time.Minute
	pollInterval = 20 * time.Millisecond
)

// Daemon is a Docker daemon with what it needs. Its methods are safe for concurrent use, but Up and Down one at a time.
type Daemon struct {
	name    string
	workdir string
	cgroups []string
	// supervisor is run.sh; exited is closed when it has ended. pid is the first process of the containers' process namespace.
	supervisor *os.Process
	exited     chan struct{}
	pid        int
	api        *client.Client
	// daemon is nsenter, whose child is dockerd; nil while it is down. ended is closed when it has ended.
	daemon  *os.Process
	ended   chan struct{}
	cleanUp sync.Once
	closing error
}

// Available returns why this machine cannot run a daemon, or nil.
func Available() error {
	if os.Geteuid() != 0 {
		return errors.New("running dockerd needs root")
	}
	for _, tool := range []string{"dockerd", "containerd", "runc", "nsenter", "unshare", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("running dockerd needs %s: run make deps", tool)
		}
	}
	return nil
}

// Start runs a daemon for as long as the test. A machine that cannot skips the test; with CI=true it fails it.
func Start(tb testing.TB) *Daemon {
	tb.Helper()
	if err := Available(); err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatal(err)
		}
		tb.Skip(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	d, err := Run(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("dockerd says:\n%s", d.Log())
		}
		if err := d.Close(); err != nil {
			tb.Error(err)
		}
	})
	return d
}

// Run starts a daemon that has the image Image. The caller ends it with Close; it also dies with this process.
func Run(ctx context.Context) (*Daemon, error) {
	var id [4]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, err
	}
	d := &Daemon{name: "docker-" + hex.EncodeToString(id[:]), exited: make(chan struct{})}
	for _, step := range []func(context.Context) error{d.prepare, d.startSupervisor, d.connect, d.Up, d.loadImage} {
		if err := step(ctx); err != nil {
			if d.supervisor == nil {
				close(d.exited)
			}
			return nil, errors.Join(err, d.Close())
		}
	}
	return d, nil
}

// prepare makes directories and cgroups.
func (d *Daemon) prepare(context.Context) error {
	var err error
	if d.workdir, err = os.MkdirTemp("", d.name+"-"); err != nil {
		return fmt.Errorf("make work directory: %w", err)
	}
	for _, dir := range []string{"root", "exec", "run"} {
		if err := os.Mkdir(filepath.Join(d.workdir, dir), 0o711); err != nil {
			return fmt.Errorf("make work directory: %w", err)
		}
	}
	// The daemon is in one below, because in cgroup v2 one that has others with controllers can have no processes.
	if d.cgroups, err = cgroup.Make(d.name); err != nil {
		return err
	}
	_, err = cgroup.Make(d.name + "/daemon")
	return err
}

// startSupervisor starts run.sh from a thread that lives as long as it does, because the kernel sends the
// death signal when the thread that forked ends.
func (d *Daemon) startSupervisor(context.Context) error {
	stdout, output, err := os.Pipe()
	if err != nil {
		return err
	}
	defer stdout.Close()
	var stderr bytes.Buffer
	started := make(chan error, 1)
	go func() {
		goruntime.LockOSThread()
		defer goruntime.UnlockOSThread()
		cmd := exec.Command("/bin/sh", append([]string{"-c", runScript, "run.sh", d.name, d.workdir}, d.cgroups...)...)
		cmd.Stdout, cmd.Stderr = output, &stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Unshareflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM, Setsid: true,
		}
		err := cmd.Start()
		output.Close()
		d.supervisor = cmd.Process
		started <- err
		if err == nil {
			_ = cmd.Wait() // it ends by a signal
			close(d.exited)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start the namespaces of dockerd: %w", err)
	}
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		<-d.exited
		return fmt.Errorf("start the namespaces of dockerd: %w\n%s", err, stderr.String())
	}
	// run.sh, unshare, and the first process of the new namespace.
	for _, unshare := range children(d.supervisor.Pid) {
		for _, first := range children(unshare) {
			d.pid = first
		}
	}
	if d.pid == 0 {
		return errors.New("start the namespaces of dockerd: their first process is not there")
	}
	return nil
}

// children returns the processes whose parent is the main thread of pid.
func children(pid int) []int {
	words, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil
	}
	var out []int
	for _, word := range strings.Fields(string(words)) {
		if child, err := strconv.Atoi(word); err == nil {
			out = append(out, child)
		}
	}
	return out
}

func (d *Daemon) connect(context.Context) error {
	var err error
	if d.api, err = client.New(client.WithHost("unix://" + d.Socket())); err != nil {
		return fmt.Errorf("connect to dockerd: %w", err)
	}
	return nil
}

// daemonScript starts dockerd with its work directory, the name of its cgroup, and the directories of its cgroups.
const daemonScript = `work=$1 name=$2; shift 2
for cgroup in "$@"; do echo 0 >"$cgroup/daemon/cgroup.procs"; done
PATH=/usr/sbin:/usr/bin:/sbin:/bin exec dockerd --config-file "$work/daemon.json" \
	--data-root "$work/root" --exec-root "$work/exec" --pidfile "$work/docker.pid" --host "unix://$work/run/docker.sock" \
	--bridge=none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false --userland-proxy=false \
	--exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$name" --storage-driver vfs --log-level error`

// Up starts the daemon and returns when it answers.
func (d *Daemon) Up(ctx context.Context) error {
	if d.daemon != nil {
		return errors.New("dockerd runs already")
	}
	log, err := os.OpenFile(d.logFile(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"-t", strconv.Itoa(d.pid), "-m", "-n", "-p", "--wd=/", "--", "/bin/sh", "-c", daemonScript, "sh", d.workdir, d.name}
	cmd := exec.Command("nsenter", append(args, d.cgroups...)...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := os.WriteFile(filepath.Join(d.workdir, "daemon.json"), []byte("{}"), 0o600); err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start dockerd: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // nsenter ends as dockerd does; its log tells
		close(ended)
	}()
	d.daemon, d.ended = cmd.Process, ended
	for {
		_, err := d.api.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true})
		if err == nil {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("start dockerd: it ended\n%s", d.Log())
		default:
		}
		if wait(ctx, pollInterval) != nil {
			return fmt.Errorf("start dockerd: %w\n%s", err, d.Log())
		}
	}
}

// wait pauses, or returns early with the error of ctx.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Down ends the daemon in an orderly way, and with it the containers.
func (d *Daemon) Down(ctx context.Context) error {
	if d.daemon == nil {
		return errors.New("dockerd is down")
	}
	for _, pid := range children(d.daemon.Pid) {
		if err := unix.Kill(pid, unix.SIGTERM); err != nil {
			return fmt.Errorf("end dockerd: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	select {
	case <-d.ended:
		d.daemon = nil
		return nil
	case <-ctx.Done():
		return fmt.Errorf("end dockerd: %w", ctx.Err())
	}
}

// Socket is the path of the daemon's socket.
func (d *Daemon) Socket() string { return filepath.Join(d.workdir, "run", "docker.sock") }

// LogRoot is the directory that is like /var/lib/docker/containers.
func (d *Daemon) LogRoot() string { return filepath.Join(d.workdir, "root", "containers") }

// Log returns what the daemon logged.
func (d *Daemon) Log() string {
	text, err := os.ReadFile(d.logFile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (d *Daemon) logFile() string { return filepath.Join(d.workdir, "dockerd.log") }

// Close ends the daemon and all containers at once and removes what they used.
func (d *Daemon) Close() error {
	d.cleanUp.Do(func() {
		if d.api != nil {
			_ = d.api.Close() // only idle connections
		}
		if d.supervisor != nil {
			_ = unix.Kill(d.supervisor.Pid, unix.SIGTERM) // it may have ended already
		}
		<-d.exited
		if d.daemon != nil {
			<-d.ended
		}
		d.closing = cgroup.Remove(d.cgroups)
		if d.workdir != "" {
			d.closing = errors.Join(d.closing, os.RemoveAll(d.workdir))
		}
	})
	return d.closing
}
