// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/noded/noded/test/cgroup"
)

const (
	// sweptContainers are the cgroups of the comparison with cAdvisor, in pods of two.
	sweptContainers = 250
	// idlePods are the pods of the node on which noded idles, of two containers and a sandbox each.
	idlePods = 110
)

// measureStats compares the cost of looking at cgroups with that of cAdvisor, and measures noded where nobody asks it anything, and what it sends
// to who watches.
func (s *settings) measureStats(ctx context.Context, stdout, stderr io.Writer) error {
	for _, part := range []struct {
		name    string
		measure func(ctx context.Context, stdout, stderr io.Writer) error
	}{{"sweep", s.compareSweeps}, {"idle", s.measureIdle}, {"watch", s.measureWatch}} {
		if !strings.Contains(part.name, s.only) {
			continue
		}
		if err := part.measure(ctx, stdout, stderr); err != nil {
			return err
		}
	}
	return nil
}

// tree is cgroups like those of pods, with a process in each container.
type tree struct {
	// root is their path below the root of each hierarchy.
	root      string
	made      []string
	processes []*exec.Cmd
	pods      int
}

// makeTree makes pods of so many containers, of which each busy-th uses the processor; 0: none does.
func makeTree(ctx context.Context, pods, containers, busy int) (t *tree, err error) {
	t = &tree{root: fmt.Sprintf("noded-bench-%d", os.Getpid()), pods: pods}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.remove())
		}
	}()
	if t.made, err = cgroup.Make(t.root); err != nil {
		return t, err
	}
	parent := path.Join(t.root, "kubepods")
	for _, name := range []string{parent, path.Join(parent, "burstable")} {
		if _, err := cgroup.Make(name); err != nil {
			return t, err
		}
	}
	for n := range pods {
		pod := path.Join(parent, "burstable", "pod"+podUID(n))
		if _, err := cgroup.Make(pod); err != nil {
			return t, err
		}
		for c := range containers {
			command := []string{"sleep", "infinity"}
			if busy > 0 && (n*containers+c)%busy == 0 {
				command = []string{"sh", "-c", burn}
			}
			if err := t.addContainer(ctx, path.Join(pod, containerID(n, c)), command...); err != nil {
				return t, err
			}
		}
	}
	return t, nil
}

func (t *tree) addContainer(ctx context.Context, name string, command ...string) error {
	dirs, err := cgroup.Make(name)
	if err != nil {
		return err
	}
	p := exec.CommandContext(ctx, command[0], command[1:]...)
	// What it starts ends with it.
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.Start(); err != nil {
		return err
	}
	t.processes = append(t.processes, p)
	for _, dir := range dirs {
		if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(p.Process.Pid)), 0); err != nil {
			return err
		}
	}
	return nil
}

func (t *tree) remove() error {
	for _, p := range t.processes {
		_ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL)
		_ = p.Wait() // it was killed
	}
	return cgroup.Remove(t.made)
}

func podUID(n int) string { return fmt.Sprintf("0a1b2c3d-0000-4000-8000-%012x", n) }

func containerID(pod, n int) string {
	sum := sha256.Sum256(fmt.Append(nil, pod, n))
	return hex.EncodeToString(sum[:])
}

// makeLogs makes the log directories of the pods of a tree.
func (t *tree) makeLogs(dir string) error {
	for n := range t.pods {
		for c := range 2 {
			logs := filepath.Join(dir, fmt.Sprintf("default_web-%d_%s", n, podUID(n)), fmt.Sprintf("app-%d", c))
			if err := os.MkdirAll(logs, 0o755); err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(logs, "0.log"), []byte("2026-01-02T03:04:05Z stdout F line\n"), 0o640); err != nil {
				return err
			}
		}
	}
	return nil
}

// compareSweeps runs sweep as noded and as cAdvisor in turn.
func (s *settings) compareSweeps(ctx context.Context, stdout, stderr io.Writer) (err error) {
	fmt.Fprintf(stderr, "making cgroups of %d containers ...\n", sweptContainers)
	t, err := makeTree(ctx, sweptContainers/2, 2, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.remove()) }()
	dir, err := os.MkdirTemp("", "noded-bench-sweep")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "sweep")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./test/bench/sweep")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build sweep: %w\n%s", err, out)
	}
	const interval, span = time.Second, 15 * time.Second
	names := []string{"cadvisor", "noded"}
	costs := map[string][]time.Duration{}
	for range s.runs {
		for _, name := range names {
			cost, err := sweep(ctx, program, name, "/"+t.root, interval, span)
			if err != nil {
				return err
			}
			costs[name] = append(costs[name], cost)
		}
	}
	fmt.Fprintf(stdout, "\nLooking at %d containers in %d pods each %v for %v, medians of %d runs in turn; CPU time for each cgroup and look\n\n", sweptContainers,
		t.pods, interval, span, s.runs)
	fmt.Fprintf(stdout, "| cAdvisor | noded | ratio | aim | |\n|---:|---:|---:|---:|---|\n")
	theirs, ours := median(costs["cadvisor"]), median(costs["noded"])
	ratio := float64(theirs) / float64(ours)
	fmt.Fprintf(stdout, "| %v | %v | %.1fx | 5x | %s |\n", theirs.Round(time.Microsecond), ours.Round(time.Microsecond), ratio, verdict(ratio >= 5))
	return nil
}

// sweep returns what one look at one cgroup costs.
func sweep(ctx context.Context, program, name, prefix string, interval, span time.Duration) (time.Duration, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, program, name, prefix, interval.String(), span.String())
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("sweep %s: %w\n%s", name, err, stderr.Bytes())
	}
	var cost, looks int64
	if _, err := fmt.Sscan(string(out), &cost, &looks); err != nil || looks == 0 {
		return 0, fmt.Errorf("sweep %s: it says %q", name, out)
	}
	return time.Duration(cost / looks), nil
}

// fullNode is the cgroups and logs of a node full of pods, of two containers and a sandbox each.
type fullNode struct {
	*tree
	dir string
}

// makeFullNode makes one; what busy is makeTree says.
func makeFullNode(ctx context.Context, busy int) (*fullNode, error) {
	t, err := makeTree(ctx, idlePods, 3, busy)
	if err != nil {
		return nil, err
	}
	n := &fullNode{tree: t}
	if n.dir, err = os.MkdirTemp("", "noded-bench-node"); err == nil {
		err = errors.Join(t.makeLogs(n.logs()), os.Mkdir(n.journal(), 0o755))
	}
	if err != nil {
		return nil, errors.Join(err, n.remove())
	}
	return n, nil
}

func (n *fullNode) logs() string    { return filepath.Join(n.dir, "pods") }
func (n *fullNode) journal() string { return filepath.Join(n.dir, "journal") }

func (n *fullNode) remove() error {
	err := n.tree.remove()
	if n.dir != "" {
		err = errors.Join(err, os.RemoveAll(n.dir))
	}
	return err
}

// start starts a noded that knows the pods by their logs and looks at them at an interval.
func (n *fullNode) start(ctx context.Context, s *settings, interval string) (*daemon, error) {
	return startConfigured(ctx, s.bin, n.journal(), s.engine, fmt.Sprintf(
		"logs: {pods_directory: %q}\nruntime: {sockets: [%q], docker_socket: \"\"}\nstats: {interval: %s}\n", n.logs(), filepath.Join(n.dir, "none.sock"), interval))
}

// measureIdle measures noded on a node full of pods while nobody asks it anything.
func (s *settings) measureIdle(ctx context.Context, stdout, stderr io.Writer) (err error) {
	fmt.Fprintf(stderr, "making cgroups of %d pods ...\n", idlePods)
	node, err := makeFullNode(ctx, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, node.remove()) }()
	fmt.Fprintf(stdout, "\nnoded alone with %d pods of 2 containers and a sandbox, for %v\n\n", idlePods, s.span)
	fmt.Fprintf(stdout, "| interval | CPU | aim | | resident at most | aim | | its own |\n|---|---:|---:|---|---:|---:|---|---:|\n")
	for _, idle := range []struct {
		interval string
		cpu      float64
	}{{"10s", 1}, {"1s", 3}} {
		d, err := node.start(ctx, s, idle.interval)
		if err != nil {
			return err
		}
		cpu, most, err := d.idle(ctx, s.span)
		d.stop()
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "| %s | %.2f%% | %.0f%% | %s | %.1f MB | 40 MB | %s | %.1f MB |\n", idle.interval, cpu, idle.cpu, verdict(cpu <= idle.cpu),
			mb(most.resident), verdict(mb(most.resident) <= 40), mb(most.anonymous))
	}
	return nil
}

// idle returns the share of a core that noded uses, in percent, and the most memory.
func (d *daemon) idle(ctx context.Context, span time.Duration) (cpu float64, most memory, err error) {
	pid := d.cmd.Process.Pid
	before, began := cpuTimeOf(pid), time.Now()
	for time.Since(began) < span {
		m, err := memoryOf(pid)
		if err != nil {
			return 0, most, err
		}
		most.resident, most.anonymous = max(most.resident, m.resident), max(most.anonymous, m.anonymous)
		select {
		case <-ctx.Done():
			return 0, most, ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
	return 100 * (cpuTimeOf(pid) - before).Seconds() / time.Since(began).Seconds(), most, nil
}
