// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/noded/noded/client"
	"github.com/noded/noded/journal"
	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/podlog"
)

// noded is a real daemon on a log tree, which is killed and started again.
type noded struct {
	program, dir string
	stderr       *bytes.Buffer
	cmd          *exec.Cmd
}

var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "noded-logs")
	if err != nil {
		return "", err
	}
	built = dir
	program := filepath.Join(dir, "noded")
	out, err := exec.Command("go", "build", "-o", program, "../../cmd/noded").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build noded: %w\n%s", err, out)
	}
	return program, nil
})

// startNoded starts noded on a log tree, with no runtime.
func startNoded(t *testing.T, pods string) *noded {
	t.Helper()
	program, err := build()
	if err != nil {
		t.Fatal(err)
	}
	// The path of a socket is short.
	dir, err := os.MkdirTemp("", "noded")
	if err != nil {
		t.Fatal(err)
	}
	n := &noded{program: program, dir: dir, stderr: new(bytes.Buffer)}
	t.Cleanup(func() { os.RemoveAll(dir) })
	config := fmt.Sprintf("logs:\n  pods_directory: %s\n  docker_directory: \"\"\nruntime:\n  sockets: [%s]\n  docker_socket: %s\n", pods,
		filepath.Join(dir, "no-runtime"), filepath.Join(dir, "no-docker"))
	if err := os.WriteFile(filepath.Join(dir, "noded.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "journal"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := n.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.kill(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("noded's log:\n%s", n.stderr.String())
		}
	})
	return n
}

func (n *noded) socket() string { return filepath.Join(n.dir, "s") }

// start starts noded and waits until it listens.
func (n *noded) start() error {
	n.cmd = exec.Command(n.program, "--config", filepath.Join(n.dir, "noded.yaml"), "--socket", n.socket(),
		"--journal-directory", filepath.Join(n.dir, "journal"), "--state-directory", n.dir)
	n.cmd.Stderr = n.stderr
	if err := n.cmd.Start(); err != nil {
		return err
	}
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); {
		if conn, err := net.Dial("unix", n.socket()); err == nil {
			return conn.Close()
		}
		time.Sleep(5 * time.Millisecond)
	}
	return errors.New("noded does not listen")
}

// kill ends noded at once.
func (n *noded) kill() error {
	if err := n.cmd.Process.Kill(); err != nil {
		return err
	}
	_ = n.cmd.Wait() // it was killed
	return nil
}

// kills kills and starts noded again at random times.
func (n *noded) kills(p plan, checker *Checker) func(ctx context.Context) error {
	random := rand.New(rand.NewPCG(p.seed, 0x4111))
	return func(ctx context.Context) error {
		begin := time.Now()
		wait := p.span() / time.Duration(p.kills+1)
		for i := range p.kills {
			at := wait/2 + time.Duration(i)*wait + time.Duration(random.Int64N(int64(wait)))
			if !sleepUntil(ctx, begin.Add(at)) {
				return ctx.Err()
			}
			if err := p.breaking.do(ctx, checker, func() error {
				if err := n.kill(); err != nil {
					return err
				}
				return n.start()
			}); err != nil {
				return err
			}
		}
		return nil
	}
}

// throughNoded reads with the client.
func throughNoded(t *testing.T, n *noded, checker *Checker) reader {
	t.Helper()
	c, err := client.Dial(client.Config{Address: "unix://" + n.socket(), Timeout: 2 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return func(ctx context.Context, q podlog.Query, sink podlog.Sink) error {
		for {
			err := c.ReadLogs(ctx, client.LogRequest{
				Selector: inventory.LogSelector{Pods: &inventory.PodSelector{Namespace: "default", Names: []string{"web-0"}}, Containers: []string{containerName}},
				Query:    q, OnResume: func(client.Resume) { checker.Began() },
			}, sink)
			if _, lives := checker.Sessions(); lives || ctx.Err() != nil || !errors.Is(err, client.ErrUnreachable) {
				return err
			}
			// It was killed before it had answered at all.
			checker.Began()
			sleepUntil(ctx, time.Now().Add(20*time.Millisecond))
		}
	}
}

// TestFollowNoded follows a container through a noded that is killed. With -long it is the run that the project promises to
// pass: 1,000 rotations, 50 restarts, 20 kills, 5,000 lines a second.
func TestFollowNoded(t *testing.T) {
	t.Parallel()
	p := plan{seed: *seed, lines: 50_000, rate: 5000, rotations: 20, restarts: 3, breaks: 2, kills: 3, options: Options{MaxFiles: 8, KeepRuns: 3}}
	p.breaking = new(breaking)
	if *long {
		p.lines, p.rotations, p.restarts, p.breaks, p.kills = 2_000_000, 1000, 50, 20, 20
	}
	root := t.TempDir()
	p.options.Dir = filepath.Join(root, podDir, containerName)
	if err := os.MkdirAll(p.options.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	n := startNoded(t, root)
	checker := NewChecker(NewTruth())
	r := follow(t, p, checker, throughNoded(t, n, checker), n.kills(p, checker))
	judge(t, p, &r)
	if strings.Contains(n.stderr.String(), "panic") {
		t.Errorf("noded panicked:\n%s", n.stderr.String())
	}
}

// TestFollowNodedStalled: a client stops reading until what it was in is gone.
func TestFollowNodedStalled(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	truth := NewTruth()
	log, err := Create(Options{Dir: filepath.Join(root, podDir, containerName), KeepRuns: 2}, truth)
	if err != nil {
		t.Fatal(err)
	}
	n := startNoded(t, root)
	// More than what is buffered on the way.
	w := &Writer{Log: log, Generator: NewGenerator(*seed, false), Seed: *seed}
	backlog(t, w, 400_000)
	checker := NewChecker(truth)
	sink := &stalled{Checker: checker, after: 1000, wait: func() error { return overtake(t.Context(), w, 1) }}
	ctx, cancel := context.WithCancel(t.Context())
	var done sync.WaitGroup
	var readErr error
	read := throughNoded(t, n, checker)
	done.Go(func() {
		q := podlog.NewQuery()
		q.Follow = true
		checker.Began()
		readErr = read(ctx, q, sink)
	})
	awaitEnd(t, checker, truth)
	cancel()
	done.Wait()
	if !errors.Is(readErr, context.Canceled) {
		t.Errorf("ReadLogs: %v", readErr)
	}
	if err := log.Close(); err != nil {
		t.Error(err)
	}
	r := checker.Report()
	t.Log(r.String())
	if faults := r.Faults(); faults != "" {
		t.Error(faults)
	}
	if r.Lost == 0 || r.Gaps == 0 || r.Counts.Removed == 0 {
		t.Error("nothing was lost; the run proves nothing")
	}
	for _, g := range checker.gaps {
		if g.Reason != journal.GapVacuumed {
			t.Errorf("gap %+v", g.Gap)
		}
	}
}

// TestHostileNoded: noded on a log tree full of traps tells nothing of what is outside, does not block, and serves what is good.
func TestHostileNoded(t *testing.T) {
	t.Parallel()
	root, outside, _ := hostileTree(t)
	i := 0
	for name, set := range traps() {
		// One of each in the place of a file, of a container and of a pod.
		i++
		dir := filepath.Join(root, fmt.Sprintf("default_trap-%d_0a1b2c3d-0000-4000-8000-%012d", i, i), containerName)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(name, err)
		}
		set(t, outside, filepath.Join(dir, "0.log"))
		set(t, outside, filepath.Join(filepath.Dir(dir), "other"))
		set(t, outside, filepath.Join(root, fmt.Sprintf("default_pod-%d_0a1b2c3d-0000-4000-8000-%012d", i, i)))
		if err := os.WriteFile(filepath.Join(dir, "1.log"), []byte(goodLine), 0o600); err != nil {
			t.Fatal(name, err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(root, "default_linked_0a1b2c3d-0000-4000-8000-aaaaaaaaaaaa")); err != nil {
		t.Fatal(err)
	}
	n := startNoded(t, root)
	c, err := client.Dial(client.Config{Address: "unix://" + n.socket(), Timeout: 2 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var told strings.Builder
	pods, problems, err := c.Pods(t.Context(), inventory.PodSelector{})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&told, "%+v %v\n", pods, problems)
	for way, q := range hostileQueries() {
		ctx, cancel := context.WithTimeout(t.Context(), blocked)
		got := new(collector)
		if q.Follow {
			got.onRecord = func() {
				if got.records == i {
					time.AfterFunc(time.Second, cancel) // for what should not come
				}
			}
		}
		err := c.ReadLogs(ctx, client.LogRequest{Selector: inventory.LogSelector{Pods: &inventory.PodSelector{}, AllContainers: true}, Query: q}, got)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Errorf("%s: it blocks", way)
		}
		cancel()
		if err != nil && !q.Follow {
			t.Errorf("%s: %v", way, err)
		}
		if got.records < i {
			t.Errorf("%s: %d good lines came, want %d", way, got.records, i)
		}
		fmt.Fprintf(&told, "%v %s\n", err, got.text.String())
	}
	if err := n.kill(); err != nil {
		t.Fatal(err)
	}
	if err := n.start(); err != nil {
		t.Fatal(err)
	}
	if text := told.String() + n.stderr.String(); strings.Contains(text, canary) {
		t.Errorf("the canary was told:\n%s", text)
	}
}
