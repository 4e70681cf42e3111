// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package containerd

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	_ "embed" // run.sh
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/noded/noded/test/cgroup"
)

//go:embed run.sh
var runScript string

const (
	// startTimeout is more than a busy machine needs, where the program of containers is built first.
	startTimeout = 5 * time.Minute
	pollInterval = 10 * time.Millisecond
)

// Config says what containerd is wanted.
type Config struct {
	Release Release
	// PodsDirectory is the path by which containerd knows LogRoot, as where noded finds it at that path. Empty: by no other path.
	PodsDirectory string
	// SystemdCgroup has systemd, which must be PID 1, make the cgroups of containers. Their processes are then in the process namespace of this
	// machine.
	SystemdCgroup bool
}

// EnvSystemdCgroup is the variable of the environment with which Start sets SystemdCgroup, if it is "true".
const EnvSystemdCgroup = "NODED_SYSTEMD_CGROUP"

// Runtime is a containerd with what it needs. Its methods are safe for concurrent use, but Up, Down and Kill one at a time.
type Runtime struct {
	config   Config
	programs string
	name     string
	workdir  string
	// cgroups are for all of it; in daemonCgroups below them is containerd, since in cgroup v2 what has processes has no children.
	cgroups, daemonCgroups []string
	// supervisor is run.sh; exited is closed when it has ended. pid is the first process of the containers' process namespace.
	supervisor *os.Process
	exited     chan struct{}
	pid        int
	conn       *grpc.ClientConn
	runtimeAPI cri.RuntimeServiceClient
	imageAPI   cri.ImageServiceClient
	// daemon is containerd; nil while it is down.
	daemon  *daemon
	cleanUp sync.Once
	closing error
}

// Start runs a containerd for as long as the test. A machine that cannot skips the test; with CI=true it fails it.
func Start(tb testing.TB, release Release) *Runtime {
	tb.Helper()
	return StartWith(tb, Config{Release: release, SystemdCgroup: os.Getenv(EnvSystemdCgroup) == "true"})
}

// StartWith is Start with a choice.
func StartWith(tb testing.TB, config Config) *Runtime {
	tb.Helper()
	if err := Available(config.Release); err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatal(err)
		}
		tb.Skip(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	r, err := Run(ctx, config)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("containerd says:\n%s", r.Log())
		}
		if err := r.Close(); err != nil {
			tb.Error(err)
		}
	})
	return r
}

// Run starts a containerd with the images Image and PauseImage. The caller ends it with Close; it also dies with this process.
func Run(ctx context.Context, config Config) (*Runtime, error) {
	if err := Available(config.Release); err != nil {
		return nil, err
	}
	programs, err := config.Release.directory()
	if err != nil {
		return nil, err
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		return nil, err
	}
	var id [4]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, err
	}
	r := &Runtime{config: config, programs: programs, name: "containerd-" + hex.EncodeToString(id[:]), exited: make(chan struct{})}
	if err := r.prepare(runc); err != nil {
		close(r.exited)
		return nil, errors.Join(err, r.Close())
	}
	if err := r.startSupervisor(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if err := r.connect(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if err := r.Up(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if err := r.importImages(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if err := r.waitImages(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// prepare makes directories, configuration and cgroups.
func (r *Runtime) prepare(runc string) error {
	var err error
	if r.workdir, err = os.MkdirTemp("", r.name+"-"); err != nil {
		return fmt.Errorf("make work directory: %w", err)
	}
	for _, dir := range []string{"private", "run", "cni", "pods"} {
		if err := os.Mkdir(filepath.Join(r.workdir, dir), 0o755); err != nil {
			return fmt.Errorf("make work directory: %w", err)
		}
	}
	if err := r.writeConfig(runc); err != nil {
		return err
	}
	if r.cgroups, err = cgroup.Make(r.name); err != nil {
		return err
	}
	r.daemonCgroups, err = cgroup.Make(path.Join(r.name, "containerd"))
	return err
}

// startSupervisor starts run.sh from a thread that lives as long as it does, because the kernel sends the
// death signal when the thread that forked ends.
func (r *Runtime) startSupervisor() error {
	stdout, output, err := os.Pipe()
	if err != nil {
		close(r.exited)
		return err
	}
	defer stdout.Close()
	var stderr bytes.Buffer
	started := make(chan error, 1)
	go func() {
		goruntime.LockOSThread()
		defer goruntime.UnlockOSThread()
		defer close(r.exited)
		slice := ""
		if r.config.SystemdCgroup {
			slice = r.slice() + ".slice"
		}
		cmd := exec.Command("/bin/sh", append([]string{"-c", runScript, "run.sh", r.name, r.workdir, r.config.PodsDirectory, slice}, r.cgroups...)...)
		cmd.Stdout, cmd.Stderr = output, &stderr
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Unshareflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGTERM, Setsid: true,
		}
		err := cmd.Start()
		output.Close()
		r.supervisor = cmd.Process
		started <- err
		if err == nil {
			_ = cmd.Wait() // it ends by a signal
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start the namespaces of containerd: %w", err)
	}
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		<-r.exited
		return fmt.Errorf("start the namespaces of containerd: %w\n%s", err, stderr.String())
	}
	// run.sh, unshare, and what it started: the first process of the new namespace, if there is one.
	for _, unshare := range children(r.supervisor.Pid) {
		for _, first := range children(unshare) {
			r.pid = first
		}
	}
	if r.pid == 0 {
		return errors.New("start the namespaces of containerd: their first process is not there")
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

func (r *Runtime) connect() error {
	var err error
	r.conn, err = grpc.NewClient("unix://"+r.Socket(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.5, MaxDelay: 200 * time.Millisecond},
		}))
	if err != nil {
		return fmt.Errorf("connect to containerd: %w", err)
	}
	r.runtimeAPI, r.imageAPI = cri.NewRuntimeServiceClient(r.conn), cri.NewImageServiceClient(r.conn)
	return nil
}

// waitImages waits until the CRI has noticed the images.
func (r *Runtime) waitImages(ctx context.Context) error {
	for _, name := range []string{Image, PauseImage} {
		for {
			answer, err := r.imageAPI.ImageStatus(ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: name}})
			if err != nil {
				return fmt.Errorf("wait for image %s: %w", name, err)
			}
			if answer.GetImage() != nil {
				break
			}
			if err := wait(ctx, pollInterval); err != nil {
				return fmt.Errorf("wait for image %s: %w", name, err)
			}
		}
	}
	return nil
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

// Release is the release that runs.
func (r *Runtime) Release() Release { return r.config.Release }

// SocketDirectory holds containerd's socket, named as usual, and nothing else. The socket is another one after Up.
func (r *Runtime) SocketDirectory() string { return filepath.Join(r.workdir, "run") }

// Socket is the path of containerd's socket.
func (r *Runtime) Socket() string { return filepath.Join(r.SocketDirectory(), "containerd.sock") }

// Proc is a /proc in which the processes of containers have the numbers that containerd tells.
func (r *Runtime) Proc() string { return fmt.Sprintf("/proc/%d/root/proc", r.pid) }

// LogRoot is the directory that is like /var/log/pods.
func (r *Runtime) LogRoot() string { return filepath.Join(r.workdir, "pods") }

// CRI returns clients of the runtime, for what Pod and Container have no method for.
func (r *Runtime) CRI() (cri.RuntimeServiceClient, cri.ImageServiceClient) {
	return r.runtimeAPI, r.imageAPI
}

// Log returns the last lines that containerd logged.
func (r *Runtime) Log() string {
	const most = 16 << 10
	f, err := os.Open(r.logFile())
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > most {
		_, _ = f.Seek(-most, io.SeekEnd) // else all of it
	}
	text, _ := io.ReadAll(f)
	return string(text)
}

func (r *Runtime) logFile() string { return filepath.Join(r.workdir, "containerd.log") }

// Close ends containerd and all containers at once and removes what they used.
func (r *Runtime) Close() error {
	r.cleanUp.Do(func() {
		if r.conn != nil {
			r.conn.Close()
		}
		if r.supervisor != nil {
			_ = unix.Kill(r.supervisor.Pid, unix.SIGTERM) // it may have ended already
		}
		<-r.exited
		if r.daemon != nil {
			_ = r.daemon.nsenter.Kill() // containerd has ended; what waits for it may be stopped
			<-r.daemon.exited
		}
		r.closing = cgroup.Remove(r.cgroups)
		if r.workdir != "" {
			r.closing = errors.Join(r.closing, os.RemoveAll(r.workdir))
		}
	})
	return r.closing
}
