// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package stats_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/noded/noded/runtime/inventory"
	"github.com/noded/noded/runtime/stats"
	"github.com/noded/noded/test/containerd"
)

// TestPrograms: a noded that has just been started prints what pods use, through nodectl, and knows after an orderly restart what was used before.
func TestPrograms(t *testing.T) {
	t.Parallel()
	bin := programs(t)
	eachRelease(t, func(w *world) {
		pod := w.RunPod(containerd.Pod{Namespace: "shop", Name: "web-0"})
		c := w.Start(pod, containerd.Container{Name: "app", Args: []string{"burn:300"}})
		side := w.Start(pod, containerd.Container{Name: "side", Args: []string{"alloc:20", "out:held", "pause"}})
		w.told(side, "held")
		w.each("both run", func(*stats.Snapshot) bool { return running(w, pod.UID) == 2 })

		n := newProgram(w, bin)
		began := time.Now()
		n.start()
		var fields []string
		// A runtime that does not answer at once tells no names at first.
		w.each("top pod prints a pod", func(*stats.Snapshot) bool {
			fields = n.row("top", "pod", "-n", "shop", "--no-headers")
			return len(fields) > 0
		})
		w.T.Logf("%q %v after the start", fields, time.Since(began))
		if len(fields) != 3 || fields[0] != "web-0" {
			w.T.Fatalf("top pod prints %q", fields)
		}
		// On a machine that is busy it does not get its share in time.
		if cpu := number(fields[1], "m"); cpu < 30 || cpu > 1500 {
			w.T.Errorf("it prints %q of CPU time, want about 300m", fields[1])
		}
		if memory := number(fields[2], "Mi"); memory < 21 || memory > 40 {
			w.T.Errorf("it prints %q of memory, want 20Mi and what two programs need", fields[2])
		}
		if fields := n.row("top", "container", "--id", c.ID, "--no-headers"); len(fields) == 0 {
			w.T.Error("top container prints nothing")
		}
		was := func() []string { return n.row("top", "pod", "-n", "shop", "--no-headers", "--since", "10m", "web-0") }
		known := func(fields []string) bool { return len(fields) >= 7 && number(fields[1], "m") >= 30 }
		w.each("history has CPU time", func(*stats.Snapshot) bool { return known(was()) })
		n.stop()
		if err := c.Stop(w.Ctx, 0); err != nil {
			w.T.Fatal(err)
		}
		n.start()
		w.each("after a restart, history has it still", func(*stats.Snapshot) bool { return known(was()) })
		n.stop()
	})
}

// programs returns a directory with noded and nodectl: that which NODED_BIN names, else one for which they are built.
func programs(t *testing.T) string {
	t.Helper()
	if bin := os.Getenv("NODED_BIN"); bin != "" {
		return bin
	}
	bin := t.TempDir()
	for _, program := range []string{"noded", "nodectl"} {
		if out, err := exec.Command("go", "build", "-o", bin, "../../cmd/"+program).CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", program, err, out)
		}
	}
	return bin
}

// running returns how many containers of a pod are known to run.
func running(w *world, uid string) (n int) {
	w.T.Helper()
	s, err := w.Inventory.Snapshot(w.Ctx)
	if err != nil {
		w.T.Fatal(err)
	}
	for i := range s.Pods {
		if s.Pods[i].UID != uid {
			continue
		}
		for _, c := range s.Pods[i].Containers {
			if c.State == inventory.ContainerRunning {
				n++
			}
		}
	}
	return n
}

// number reads 12m or 34Mi; -1 for what is neither.
func number(text, unit string) float64 {
	digits, ok := strings.CutSuffix(text, unit)
	v, err := strconv.ParseFloat(digits, 64)
	if err != nil || !ok {
		return -1
	}
	return v
}

// program is a noded for a containerd.
type program struct {
	w        *world
	bin, dir string
	stderr   bytes.Buffer
	cmd      *exec.Cmd
}

func newProgram(w *world, bin string) *program {
	w.T.Helper()
	// The path of a socket is short.
	dir, err := os.MkdirTemp("", "noded")
	if err != nil {
		w.T.Fatal(err)
	}
	n := &program{w: w, bin: bin, dir: dir}
	w.T.Cleanup(func() {
		if n.cmd != nil {
			_ = n.cmd.Process.Kill()
			_ = n.cmd.Wait() // it was killed
		}
		if w.T.Failed() {
			w.T.Logf("noded's log:\n%s", n.stderr.String())
		}
		os.RemoveAll(dir)
	})
	config := fmt.Sprintf("logs: {pods_directory: %q}\nruntime: {sockets: [%q], docker_socket: \"\"}\n", w.Containerd.LogRoot(), w.Containerd.Socket())
	if err := os.WriteFile(filepath.Join(dir, "noded.yaml"), []byte(config), 0o600); err != nil {
		w.T.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "journal"), 0o700); err != nil {
		w.T.Fatal(err)
	}
	return n
}

// start starts noded and waits until it listens.
func (n *program) start() {
	n.w.T.Helper()
	socket := filepath.Join(n.dir, "s")
	n.cmd = exec.Command(filepath.Join(n.bin, "noded"), "--config", filepath.Join(n.dir, "noded.yaml"), "--socket", socket,
		"--journal-directory", filepath.Join(n.dir, "journal"), "--state-directory", n.dir)
	n.cmd.Stderr = &n.stderr
	n.cmd.Env = []string{"PATH=" + os.Getenv("PATH")} // not what the tests are told
	if err := n.cmd.Start(); err != nil {
		n.w.T.Fatal(err)
	}
	for end := time.Now().Add(longest); time.Now().Before(end); {
		if c, err := net.Dial("unix", socket); err == nil {
			c.Close()
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	n.w.T.Fatal("noded does not listen")
}

// stop ends noded in order.
func (n *program) stop() {
	n.w.T.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		n.w.T.Fatal(err)
	}
	if err := n.cmd.Wait(); err != nil {
		n.w.T.Errorf("noded ends with %v", err)
	}
	n.cmd = nil
}

// row returns the words of the first line that nodectl prints; nil if it fails.
func (n *program) row(args ...string) []string {
	n.w.T.Helper()
	cmd := exec.CommandContext(n.w.Ctx, filepath.Join(n.bin, "nodectl"), append([]string{"--address", "unix://" + filepath.Join(n.dir, "s")}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		n.w.T.Logf("nodectl %q: %v\n%s", args, err, stderr.String())
		return nil
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.Fields(line)
}
