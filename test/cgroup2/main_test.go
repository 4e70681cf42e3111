// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build cgroup2

package cgroup2

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	hierarchy = "/sys/fs/cgroup"
	// within is how long anything may take that happens soon, on a slow machine.
	within = 2 * time.Minute
)

// workload is the program of package test/containerd/workload.
var workload = os.Getenv("NODED_WORKLOAD")

func TestMain(m *testing.M) {
	if os.Getenv("NODED_CGROUP2") != "true" {
		fmt.Fprintln(os.Stderr, "these tests change the machine: run make e2e-cgroup2, which has a virtual one")
		os.Exit(1)
	}
	// A trigger would read all manual pages of the machine, slowly, and each is a descriptor of what shares its files.
	if out, err := exec.Command("dpkg", "--no-triggers", "--install", "/shared/noded.deb").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "install noded: %v\n%s", err, out)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// run runs a command that must succeed and returns what it writes.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := try(t, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func try(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %q: %w\n%s%s", name, args, err, out, stderr.String())
	}
	return string(out), err
}

// until calls a function until it says that it is done.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(within); !done(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}

// swapOn has the machine swap until the end of the test.
func swapOn(t *testing.T) {
	t.Helper()
	const device = "/dev/vdb"
	run(t, "swapon", device)
	t.Cleanup(func() {
		if out, err := exec.Command("swapoff", device).CombinedOutput(); err != nil {
			t.Errorf("swapoff: %v\n%s", err, out)
		}
	})
}

// service is a service that does steps of the workload for as long as the test.
type service struct {
	t    *testing.T
	name string
}

// startService starts one with properties of systemd.
func startService(t *testing.T, name string, properties []string, steps ...string) service {
	t.Helper()
	return startCommand(t, name, properties, append([]string{workload}, steps...)...)
}

func startCommand(t *testing.T, name string, properties []string, command ...string) service {
	t.Helper()
	args := []string{"--quiet", "--unit=" + name}
	for _, p := range properties {
		args = append(args, "--property="+p)
	}
	run(t, "systemd-run", append(args, command...)...)
	t.Cleanup(func() {
		if out, err := exec.Command("systemctl", "stop", name).CombinedOutput(); err != nil {
			t.Errorf("stop %s: %v\n%s", name, err, out)
		}
	})
	return service{t, name + ".service"}
}

// cgroup is the directory of its cgroup.
func (s service) cgroup() string { return filepath.Join(hierarchy, "system.slice", s.name) }

// show returns what systemd counts, by the names of its properties; what it does not know is not in it.
func (s service) show() map[string]uint64 {
	s.t.Helper()
	numbers := map[string]uint64{}
	for line := range strings.Lines(run(s.t, "systemctl", "show", s.name)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if n, err := strconv.ParseUint(value, 10, 64); err == nil {
			numbers[name] = n
		}
	}
	return numbers
}

// usage is what nodectl prints: numbers by the names of its JSON.
type usage struct {
	name, cgroup string
	time         time.Time
	numbers      map[string]float64
}

// top returns what nodectl prints of the service; ok is false if it prints nothing.
func (s service) top() (u usage, ok bool) {
	s.t.Helper()
	out, err := try(s.t, "nodectl", "top", "unit", s.name, "-o", "json")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 4 {
		return usage{}, false // it has not been seen yet
	}
	if err != nil {
		s.t.Fatal(err)
	}
	var items []map[string]any
	if err := json.Unmarshal([]byte(out), &items); err != nil || len(items) > 1 {
		s.t.Fatalf("nodectl prints %v:\n%s", err, out)
	}
	if len(items) == 0 {
		return usage{}, false
	}
	u.numbers = map[string]float64{}
	for name, value := range items[0] {
		switch v := value.(type) {
		case float64:
			u.numbers[name] = v
		case string:
			switch name {
			case "name":
				u.name = v
			case "cgroup":
				u.cgroup = v
			case "time":
				if u.time, err = time.Parse(time.RFC3339Nano, v); err != nil {
					s.t.Fatal(err)
				}
			}
		}
	}
	return u, true
}

// after waits for figures with rates that were read after a time.
func (s service) after(at time.Time) usage {
	s.t.Helper()
	var u usage
	until(s.t, s.name+" is read", func() (ok bool) {
		u, ok = s.top()
		return ok && u.time.After(at) && u.numbers["window_seconds"] > 0
	})
	return u
}

// file returns the number that a file of a cgroup has, or that its line of that name has.
func (s service) file(name, key string) uint64 {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.cgroup(), name))
	if err != nil {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		var value string
		switch {
		case key == "" && len(f) == 1:
			value = f[0]
		case len(f) > 1 && f[0] == key:
			value = strings.TrimPrefix(f[len(f)-1], "total=")
		default:
			continue
		}
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			s.t.Fatalf("%s %s: %v", name, key, err)
		}
		return n
	}
	s.t.Fatalf("%s has no %s:\n%s", name, key, text)
	return 0
}
