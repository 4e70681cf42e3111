// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	testcgroup "github.com/noded/noded/test/cgroup"
	"github.com/noded/noded/test/need"
)

// workEnv has what a process that a test starts does: see work.
const workEnv = "NODED_TEST_CGROUP_WORK"

func TestMain(m *testing.M) {
	if what := os.Getenv(workEnv); what != "" {
		if err := work(what); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// work does something to be measured once it is told to by a line, and then waits for the end of its input. It says "ready" when it is done.
func work(what string) error {
	in := bufio.NewReader(os.Stdin)
	if _, err := in.ReadString('\n'); err != nil {
		return err
	}
	name, arg, _ := strings.Cut(what, " ")
	var held []byte
	switch name {
	case "burn": // that much CPU time
		d, err := time.ParseDuration(arg)
		if err != nil {
			return err
		}
		for used() < d {
		}
	case "hold": // that many bytes of memory
		n, err := strconv.Atoi(arg)
		if err != nil {
			return err
		}
		if held, err = unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON); err != nil {
			return err
		}
		for i := 0; i < n; i += 4096 {
			held[i] = 1
		}
	}
	fmt.Println("ready")
	_, err := in.ReadString('\n')
	if len(held) > 0 && held[0] != 1 {
		return io.ErrUnexpectedEOF
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// used is the CPU time of this process.
func used() time.Duration {
	var r unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &r) // it cannot fail
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// process is one that works in a cgroup.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// start starts a process that will work in a cgroup of these directories.
func start(t *testing.T, dirs []string, what string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workEnv+"="+what, "GOMAXPROCS=1")
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for _, dir := range dirs {
		must(t, os.WriteFile(filepath.Join(dir, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0))
	}
	return &process{cmd, in, bufio.NewReader(out)}
}

// run lets it work and waits until it is done; ok is false if it died.
func (p *process) run(t *testing.T) (ok bool) {
	t.Helper()
	_, err := p.in.Write([]byte("go\n"))
	must(t, err)
	line, _ := p.out.ReadString('\n')
	return line == "ready\n"
}

// end waits until it has ended.
func (p *process) end(t *testing.T) {
	t.Helper()
	_ = p.in.Close()
	_ = p.cmd.Wait()
}

var made atomic.Int64 // names of cgroups

// makeCgroup makes a cgroup in all hierarchies of this machine. Without root the test is skipped, but fails in CI.
func makeCgroup(t testing.TB) (path string, dirs []string) {
	t.Helper()
	if os.Getuid() != 0 {
		need.Missing(t, "making cgroups needs root")
	}
	name := fmt.Sprintf("noded-test-%d-%d", os.Getpid(), made.Add(1))
	dirs, err := testcgroup.Make(name)
	t.Cleanup(func() {
		if err := testcgroup.Remove(dirs); err != nil {
			t.Error(err)
		}
	})
	must(t, err)
	return "/" + name, dirs
}

// makeIn makes a cgroup in one of these directories and returns its own.
func makeIn(t testing.TB, dirs []string, name string) []string {
	t.Helper()
	var in []string
	for _, dir := range dirs {
		dir = filepath.Join(dir, name)
		must(t, os.Mkdir(dir, 0o755))
		in = append(in, dir)
	}
	return in
}

// controller returns the directory of a controller among those of a cgroup, and whether it is of version 2. Where the machine does not have it the test
// is skipped, but fails in CI.
func controller(t testing.TB, dirs []string, name string) (dir string, version2 bool) {
	t.Helper()
	for _, dir := range dirs {
		if slices.Contains(strings.Split(strings.Split(strings.TrimPrefix(dir, "/sys/fs/cgroup/"), "/")[0], ","), name) {
			return dir, false
		}
	}
	for _, dir := range dirs {
		if has(dir, name) {
			return dir, true
		}
		// It may be that nobody has switched it on.
		if parent := filepath.Dir(dir); has(parent, name) {
			must(t, os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte("+"+name), 0))
			return dir, true
		}
	}
	need.Missing(t, "there is no controller ", name)
	return "", false
}

// has reports whether a cgroup of version 2 has a controller.
func has(dir, name string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	return err == nil && slices.Contains(strings.Fields(string(text)), name)
}

// file returns a file of a controller, by its names in the two versions.
func file(t testing.TB, dirs []string, name, version1, version2 string) string {
	t.Helper()
	dir, is2 := controller(t, dirs, name)
	if is2 {
		return filepath.Join(dir, version2)
	}
	return filepath.Join(dir, version1)
}

// openTree opens the tree of this machine.
func openTree(t testing.TB) *Tree {
	t.Helper()
	tree, err := Open(Config{})
	must(t, err)
	return tree
}

// unpack writes an archive of testdata to a directory. ROOT in its mountinfo is the directory of its cgroups.
func unpack(t testing.TB, name string) Config {
	t.Helper()
	archive, err := txtar.ParseFile(filepath.Join("testdata", name))
	must(t, err)
	dir := t.TempDir()
	c := Config{Root: filepath.Join(dir, "cgroup"), Proc: filepath.Join(dir, "proc"), Sys: filepath.Join(dir, "sys")}
	for _, f := range archive.Files {
		file := filepath.Join(dir, f.Name)
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		if strings.HasPrefix(f.Name, "proc/") {
			f.Data = []byte(strings.ReplaceAll(string(f.Data), "ROOT", c.Root))
		}
		must(t, os.WriteFile(file, f.Data, 0o644))
	}
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
