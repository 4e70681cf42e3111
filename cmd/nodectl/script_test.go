// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journaltest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"nodectl":        main,
		"nodectl-nobody": nobody,
	})
}

// nobody is nodectl as a user who may nothing.
func nobody() {
	const uid = 65534
	if os.Getuid() == 0 {
		err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(uid), syscall.Setuid(uid))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	main()
}

// update rewrites the golden parts of the scripts.
var update = flag.Bool("update", false, "rewrite the golden files in testdata/script")

// TestScript runs testdata/script/*.txtar. Each has in $J a small journal of three boots, in $P a log tree, and in
// $ADDRESS the address of a noded that it may start with "daemon start".
func TestScript(t *testing.T) {
	t.Parallel()
	fixture, tree := writeJournal(t), writeLogTree(t)
	noded := sync.OnceValues(func() (string, error) { return buildNoded(t) })
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			// For nodectl-nobody, whom only the script is to keep out.
			if err := os.Chmod(filepath.Dir(env.WorkDir), 0o755); err != nil {
				return err
			}
			if err := os.CopyFS(filepath.Join(env.WorkDir, "journal"), os.DirFS(fixture)); err != nil {
				return err
			}
			if err := os.CopyFS(filepath.Join(env.WorkDir, "pods"), os.DirFS(tree)); err != nil {
				return err
			}
			socket := filepath.Join(env.WorkDir, "s")
			for name, value := range map[string]string{
				"J": filepath.Join(env.WorkDir, "journal"), "P": filepath.Join(env.WorkDir, "pods"), "SOCKET": socket, "ADDRESS": "unix://" + socket,
				"NODECTL_ADDRESS": "unix://" + socket, "TZ": "UTC", "LANG": "C.UTF-8",
			} {
				env.Setenv(name, value)
			}
			env.Values[daemonKey{}] = &daemonProcess{}
			env.Values[followersKey{}] = make(map[string]*os.Process)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"daemon": controlDaemon(noded),
			"await":  awaitFile,
			"append": appendEntries,
			"follow": startFollower,
			"signal": signalFollower,
			"line":   writeLine,
			"stats":  startStats,
		},
	})
}

// buildNoded builds the daemon that the scripts talk to.
func buildNoded(t *testing.T) (string, error) {
	path := filepath.Join(t.TempDir(), "noded")
	out, err := exec.Command("go", "build", "-o", path, "github.com/noded/noded/cmd/noded").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build noded: %w\n%s", err, out)
	}
	return path, nil
}

// daemonProcess is the noded of one script.
type daemonProcess struct {
	command *exec.Cmd
	ended   chan struct{}
}

type daemonKey struct{}

// kill ends it without a chance to say so.
func (d *daemonProcess) kill() {
	if d.command != nil {
		_ = d.command.Process.Kill()
		<-d.ended
		d.command = nil
	}
}

// controlDaemon is the command "daemon start|kill": a noded at $SOCKET that serves $J and $P. Started, it answers.
func controlDaemon(noded func() (string, error)) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		d, ok := ts.Value(daemonKey{}).(*daemonProcess)
		if !ok || len(args) != 1 {
			ts.Fatalf("usage: daemon start|kill")
		}
		d.kill()
		if args[0] == "start" {
			path, err := noded()
			ts.Check(err)
			d.start(ts, path)
		}
	}
}

func (d *daemonProcess) start(ts *testscript.TestScript, path string) {
	ts.Check(os.MkdirAll(ts.MkAbs("state"), 0o700))
	log, err := os.Create(ts.MkAbs("daemon.log"))
	ts.Check(err)
	runtime := ts.MkAbs("r")
	if _, err := os.Stat(runtime); errors.Is(err, fs.ErrNotExist) {
		newScriptRuntime().serve(ts, runtime)
	}
	// The runtimes of the machine that runs the tests are none of theirs.
	config := fmt.Sprintf("runtime:\n  sockets: [%s]\n  docker_socket: \"\"\nlogs:\n  docker_directory: \"\"\n", runtime)
	ts.Check(os.WriteFile(ts.MkAbs("noded.yaml"), []byte(config), 0o600))
	command := exec.Command(path, "--config", ts.MkAbs("noded.yaml"), "--socket", ts.Getenv("SOCKET"), "--journal-directory", ts.Getenv("J"),
		"--pods-directory", ts.Getenv("P"), "--state-directory", ts.MkAbs("state"))
	command.Stderr = log
	ts.Check(command.Start())
	d.command, d.ended = command, make(chan struct{})
	go func(ended chan struct{}) {
		defer close(ended)
		_ = command.Wait()
		_ = log.Close()
	}(d.ended)
	ts.Defer(d.kill)
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		conn, err := net.Dial("unix", ts.Getenv("SOCKET"))
		if err == nil {
			_ = conn.Close()
			return
		}
	}
	ts.Fatalf("noded does not listen: %s", ts.ReadFile("daemon.log"))
}

// followersKey finds the followers of a script, by the files that they write to.
type followersKey struct{}

// startFollower is the command "follow FILE PROGRAM ARGS...": it starts a program whose output goes to FILE, its
// errors to FILE.err and in the end its exit code to FILE.code. It is stopped with the script.
func startFollower(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: follow FILE PROGRAM ARGS...")
	}
	file := ts.MkAbs(args[0])
	stdout, err := os.Create(file)
	ts.Check(err)
	stderr, err := os.Create(file + ".err")
	ts.Check(err)
	path, err := lookPath(ts.Getenv("PATH"), args[1])
	ts.Check(err)
	command := exec.Command(path, args[2:]...)
	command.Dir = ts.MkAbs(".")
	command.Env = []string{
		"PATH=" + ts.Getenv("PATH"), "TZ=UTC", "LANG=C.UTF-8", "NODECTL_ADDRESS=" + ts.Getenv("ADDRESS"),
	}
	command.Stdout, command.Stderr = stdout, stderr
	ts.Check(command.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = command.Wait()
		_ = errors.Join(stdout.Close(), stderr.Close())
		_ = os.WriteFile(file+".code", fmt.Appendln(nil, command.ProcessState.ExitCode()), 0o600)
	}()
	followers, _ := ts.Value(followersKey{}).(map[string]*os.Process)
	followers[args[0]] = command.Process
	ts.Defer(func() {
		_ = command.Process.Kill()
		<-ended
	})
}

// signalFollower is the command "signal FILE INT".
func signalFollower(ts *testscript.TestScript, _ bool, args []string) {
	followers, _ := ts.Value(followersKey{}).(map[string]*os.Process)
	if len(args) != 2 || args[1] != "INT" || followers[args[0]] == nil {
		ts.Fatalf("usage: signal FILE INT")
	}
	ts.Check(followers[args[0]].Signal(os.Interrupt))
}

// lookPath finds a program in the directories of path.
func lookPath(path, name string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if info, err := os.Stat(file); err == nil && !info.IsDir() {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, exec.ErrNotFound)
}

// awaitFile waits until a file contains a text.
func awaitFile(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: await FILE TEXT")
	}
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && strings.Contains(string(text), args[1]) {
			return
		}
	}
	text, _ := os.ReadFile(ts.MkAbs(args[0]))
	ts.Fatalf("no %q in %s: %s", args[1], args[0], text)
}

// appendEntries adds a journal file with one more entry of the last boot.
func appendEntries(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: append NUMBER MESSAGE")
	}
	var number int
	_, err := fmt.Sscan(args[0], &number)
	ts.Check(err)
	entry := entryOf(2, 100+number, "kubelet.service", "kubelet", args[1])
	text := journaltest.AppendExport(nil, &entry)
	command := exec.Command("/lib/systemd/systemd-journal-remote", "--output="+filepath.Join(ts.Getenv("J"), "more"+args[0]+".journal"), "-")
	command.Stdin = strings.NewReader(string(text))
	out, err := command.CombinedOutput()
	if err != nil {
		ts.Fatalf("append: %v\n%s", err, out)
	}
}

const (
	// firstSecond is 2023-11-14 22:13:20 UTC.
	firstSecond = 1_700_000_000
	daySeconds  = 86_400
	bootEntries = 5
)

// writeJournal makes the journal of the scripts: three boots, a day apart, of five entries.
func writeJournal(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	units := []string{"kubelet.service", "containerd.service", "sshd.service"}
	var entries []journaltest.Entry
	for boot := range 3 {
		for i := range bootEntries {
			unit := units[i%len(units)]
			entries = append(entries, entryOf(boot, i, unit, strings.TrimSuffix(unit, ".service"), fmt.Sprintf("message %d of boot %d", i, boot)))
		}
	}
	journaltest.Write(t, filepath.Join(dir, "system.journal"), journaltest.Options{SeqnumID: journal.ID128{0x51}}, entries)
	return dir
}

func entryOf(boot, i int, unit, identifier, message string) journaltest.Entry {
	return journaltest.Entry{
		Realtime:  journal.Usec((firstSecond + boot*daySeconds + i) * 1_000_000),
		Monotonic: journal.Usec((10 + i) * 1_000_000),
		BootID:    journal.ID128{byte(0xa0 + boot)},
		Fields: []journal.Field{
			journaltest.F("_MACHINE_ID", strings.Repeat("d", 32)), journaltest.F("_HOSTNAME", "node1"), journaltest.F("_SYSTEMD_UNIT", unit),
			journaltest.F("SYSLOG_IDENTIFIER", identifier), journaltest.F("_PID", fmt.Sprint(100+i)),
			journaltest.F("PRIORITY", fmt.Sprint(2+i)), journaltest.F("_TRANSPORT", "journal"), journaltest.F("MESSAGE", message),
		},
	}
}
