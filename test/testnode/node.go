// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package testnode

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed" // boot.sh
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/noded/noded/test/cgroup"
)

//go:embed boot.sh
var bootScript string

const (
	// poweroffSignal asks a systemd that runs as PID 1 to power off: SIGRTMIN+4 as glibc counts.
	poweroffSignal  = unix.Signal(34 + 4)
	poweroffTimeout = time.Minute
	killTimeout     = time.Minute
	pollInterval    = 50 * time.Millisecond
)

// Node is a booted node. Its methods are safe for concurrent use.
type Node struct {
	name    string
	workdir string
	cgroups []string
	console consoleBuffer
	// pid of the systemd of the node, as this machine sees it.
	pid int
	// supervisor is boot.sh, above systemd-nspawn; exited is closed when it has ended.
	supervisor *os.Process
	exited     chan struct{}
	cleanUp    sync.Once
	cleanUpErr error
}

// Bind is a directory of this machine that a node has too, where both write. In neither path can be blanks or colons.
type Bind struct {
	// Machine is its path on this machine, Node the one in the node.
	Machine, Node string
}

// Boot starts a node and returns when its units have started. The caller ends it with Shutdown;
// it also dies with this process.
func Boot(ctx context.Context, binds ...Bind) (*Node, error) {
	if err := Available(); err != nil {
		return nil, err
	}
	var options []string
	for _, bind := range binds {
		if strings.ContainsAny(bind.Machine+bind.Node, " \t\n:") {
			return nil, fmt.Errorf("blank or colon in %q", bind)
		}
		options = append(options, "--bind="+bind.Machine+":"+bind.Node)
	}
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, fmt.Errorf("make machine id: %w", err)
	}
	n := &Node{name: "testnode-" + hex.EncodeToString(id[:4]), exited: make(chan struct{})}
	var err error
	if n.workdir, err = os.MkdirTemp("", n.name+"-"); err != nil {
		return nil, fmt.Errorf("make work directory: %w", err)
	}
	// The cgroups of the node's systemd must not mix with others.
	if n.cgroups, err = cgroup.Make(n.name); err != nil {
		return nil, errors.Join(err, n.release())
	}
	if err := n.startSupervisor(hex.EncodeToString(id[:]), options); err != nil {
		close(n.exited)
		return nil, errors.Join(err, n.release())
	}
	if err := n.waitBooted(ctx); err != nil {
		err = fmt.Errorf("boot node: %w\n%s", err, n.Console())
		return nil, errors.Join(err, n.Kill())
	}
	return n, nil
}

// startSupervisor starts systemd-nspawn from a thread that lives as long as it does, because
// the kernel sends the death signal when the thread that forked ends.
func (n *Node) startSupervisor(machineID string, options []string) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		args := append([]string{"-c", bootScript, "boot.sh", n.name, n.workdir, machineID, strings.Join(options, " ")}, n.cgroups...)
		cmd := exec.Command("/bin/sh", args...)
		cmd.Env = environment()
		cmd.Stdout, cmd.Stderr = &n.console, &n.console
		cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGTERM, Setsid: true}
		err := cmd.Start()
		n.supervisor = cmd.Process
		started <- err
		if err != nil {
			return
		}
		_ = cmd.Wait() // its exit status is that of the node's shutdown; the console tells
		close(n.exited)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start systemd-nspawn: %w", err)
	}
	return nil
}

func (n *Node) waitBooted(ctx context.Context) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if n.pid == 0 {
			n.pid = initPID(n.supervisor.Pid)
		}
		if n.pid != 0 {
			out, err := n.Command(ctx, "systemctl", "is-system-running").Output()
			switch strings.TrimSpace(string(out)) {
			case "running":
				return nil
			case "degraded":
				failed, _ := n.Run(ctx, "systemctl", "--failed", "--no-legend", "--plain")
				return fmt.Errorf("units failed: %s", failed)
			case "":
				if ctx.Err() != nil {
					return fmt.Errorf("ask for the state: %w", err)
				}
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-n.exited:
			return errors.New("systemd-nspawn ended")
		case <-tick.C:
		}
	}
}

// initPID returns the process below pid that is PID 1 of a namespace of its own, or 0.
func initPID(pid int) int {
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0
	}
	for _, word := range strings.Fields(string(children)) {
		child, err := strconv.Atoi(word)
		if err != nil {
			continue
		}
		if innerPID(child) == 1 {
			return child
		}
		if found := initPID(child); found != 0 {
			return found
		}
	}
	return 0
}

// innerPID returns the id that a process has in a namespace below this one, or 0.
func innerPID(pid int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		ids, ok := strings.CutPrefix(line, "NSpid:")
		if f := strings.Fields(ids); ok && len(f) == 2 {
			inner, _ := strconv.Atoi(f[1])
			return inner
		}
	}
	return 0
}

// Name is the host name of the node.
func (n *Node) Name() string { return n.name }

// Console returns what the node wrote to its console.
func (n *Node) Console() string { return n.console.String() }

// HostPID returns the process id by which this machine knows a process of the node, or 0 when there is none.
func (n *Node) HostPID(pid int) int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", n.pid))
	if err != nil {
		return 0
	}
	for _, e := range entries {
		host, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if ns, err := os.Readlink("/proc/" + e.Name() + "/ns/pid"); err != nil || ns != namespace {
			continue
		}
		if innerPID(host) == pid {
			return host
		}
	}
	return 0
}

// Command prepares a command to run as root in all namespaces of the node. When ctx ends it is
// killed, with its children.
func (n *Node) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	enter := []string{"-t", strconv.Itoa(n.pid), "-m", "-u", "-i", "-n", "-p", "-C", "--wd=/", "--", name}
	cmd := exec.CommandContext(ctx, "nsenter", append(enter, args...)...)
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// Run runs a command in the node and returns its standard output. The error of a command that
// exits with a status is an *exec.ExitError, wrapped together with what it wrote to standard error.
func (n *Node) Run(ctx context.Context, name string, args ...string) (string, error) {
	cmd := n.Command(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// WriteFile makes or replaces a file of the node.
func (n *Node) WriteFile(ctx context.Context, path string, content io.Reader, mode os.FileMode) error {
	const script = `mkdir -p "$(dirname "$1")" && cat >"$1" && chmod "$2" "$1"`
	cmd := n.Command(ctx, "/bin/sh", "-c", script, "sh", path, strconv.FormatUint(uint64(mode.Perm()), 8))
	cmd.Stdin = content
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("write %s in the node: %w\n%s", path, err, out)
	}
	return nil
}

// CopyIn copies a file of this machine into the node.
func (n *Node) CopyIn(ctx context.Context, from, to string, mode os.FileMode) error {
	f, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("copy into the node: %w", err)
	}
	defer f.Close()
	return n.WriteFile(ctx, to, f, mode)
}

// Path returns the path by which this machine reaches a file of the node; a socket can be connected to by it. A
// symbolic link in it that is absolute leads out of the node.
func (n *Node) Path(path string) string { return fmt.Sprintf("/proc/%d/root%s", n.pid, path) }

// Shutdown powers the node off, or kills it when that takes too long, and removes what it used.
func (n *Node) Shutdown() error {
	if n.pid != 0 {
		_ = unix.Kill(n.pid, poweroffSignal) // it may have ended already
	}
	select {
	case <-n.exited:
	case <-time.After(poweroffTimeout):
	}
	return n.Kill()
}

// Kill ends the node at once and removes what it used.
func (n *Node) Kill() error {
	select {
	case <-n.exited:
		return n.release()
	default:
	}
	// systemd-nspawn ends by itself once it has reaped the node's systemd.
	if n.pid != 0 && unix.Kill(n.pid, unix.SIGKILL) == nil {
		select {
		case <-n.exited:
		case <-time.After(killTimeout):
		}
	}
	_ = unix.Kill(-n.supervisor.Pid, unix.SIGKILL) // it may have ended already
	<-n.exited
	return n.release()
}

// release removes the directories that the node used. Its mounts went with its namespace.
func (n *Node) release() error {
	n.cleanUp.Do(func() {
		err := cgroup.Remove(n.cgroups)
		if n.workdir != "" {
			err = errors.Join(err, os.RemoveAll(n.workdir))
		}
		n.cleanUpErr = err
	})
	return n.cleanUpErr
}

func environment() []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "LANG=C.UTF-8", "TERM=dumb", "DEBIAN_FRONTEND=noninteractive",
	}
}

// consoleBuffer keeps what the node wrote; it is safe for concurrent use.
type consoleBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer // mu guards it
}

// Write implements io.Writer.
func (b *consoleBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String returns everything written so far.
func (b *consoleBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
