// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journaltest"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
)

// mainVariable makes the test binary noded.
const mainVariable = "TEST_NODED_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(mainVariable) != "" {
		main()
	}
	m.Run()
}

type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// process is a noded in a process of its own.
type process struct {
	cmd    *exec.Cmd
	socket string
	log    *output
	ended  chan struct{}
	err    error // read after ended
}

// directory is one that every user can enter.
func directory(t *testing.T) string {
	t.Helper()
	d, err := os.MkdirTemp("", "noded-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(d) })
	if err := os.Chmod(d, 0o755); err != nil {
		t.Fatal(err)
	}
	return d
}

func run(t *testing.T, cmd *exec.Cmd, socket string) *process {
	t.Helper()
	p := &process{cmd: cmd, socket: socket, log: &output{}, ended: make(chan struct{})}
	cmd.Stderr, cmd.Stdout = p.log, p.log
	cmd.Env = append(cmd.Env, mainVariable+"=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-p.ended
		if t.Failed() {
			t.Logf("log of noded:\n%s", p.log)
		}
	})
	return p
}

func (p *process) waitFor(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !strings.Contains(p.log.String(), text); time.Sleep(5 * time.Millisecond) {
		select {
		case <-p.ended:
			if !strings.Contains(p.log.String(), text) {
				t.Fatalf("noded ended before it said %q: %v\n%s", text, p.err, p.log)
			}
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("noded does not say %q:\n%s", text, p.log)
		}
	}
}

// exitCode waits for the end.
func (p *process) exitCode(t *testing.T) int {
	t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(2 * time.Minute):
		t.Fatalf("noded does not end:\n%s", p.log)
		return -1
	}
}

func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// count reads everything through the socket.
func count(ctx context.Context, socket string) (int, error) {
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	stream, err := nodedv1.NewJournalServiceClient(conn).Read(ctx, &nodedv1.JournalServiceReadRequest{})
	if err != nil {
		return 0, err
	}
	n := 0
	for {
		m, err := stream.Recv()
		if err != nil {
			if strings.Contains(err.Error(), "EOF") {
				err = nil
			}
			return n, err
		}
		n += len(m.GetBatch().GetEntries())
	}
}

// contract returns the flags that every installation may rely on, with an empty configuration file, and a tree of
// ten entries.
func contract(t *testing.T, yaml string) (args []string, socket, file string) {
	t.Helper()
	d := directory(t)
	file, socket = filepath.Join(d, "noded.yaml"), filepath.Join(d, "run", "s")
	tree := filepath.Join(d, "journal")
	entries := make([]journaltest.Entry, 10)
	for i := range entries {
		entries[i] = journaltest.Entry{
			Realtime:  journal.Usec(1_700_000_000_000_000 + i),
			Monotonic: journal.Usec(1000 + i),
			BootID:    journal.ID128{7},
			Fields:    []journal.Field{journaltest.F("MESSAGE", fmt.Sprint("line ", i))},
		}
	}
	journaltest.Write(t, filepath.Join(tree, "a.journal"), journaltest.Options{}, entries)
	if err := errors.Join(os.WriteFile(file, []byte(yaml), 0o644), os.Mkdir(filepath.Dir(socket), 0o755),
		os.Chmod(filepath.Join(tree, "a.journal"), 0o644)); err != nil {
		t.Fatal(err)
	}
	return []string{"--config", file, "--socket", socket, "--journal-directory", tree, "--state-directory", filepath.Join(d, "state")}, socket, file
}

func TestServesUntilSIGTERM(t *testing.T) {
	t.Parallel()
	args, socket, _ := contract(t, "")
	p := run(t, exec.Command("/proc/self/exe", args...), socket)
	p.waitFor(t, "msg=serving")
	if n, err := count(t.Context(), socket); n != 10 || err != nil {
		t.Errorf("read %d entries, %v", n, err)
	}
	if listeners := networkSockets(t, p.cmd.Process.Pid); len(listeners) > 0 {
		t.Errorf("noded has network sockets: %v", listeners)
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Lstat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestRunsUnprivileged(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("needs root")
		}
		t.Skip("needs root, to become another user")
	}
	args, socket, _ := contract(t, "")
	if err := os.Chown(filepath.Dir(socket), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	p := run(t, cmd, socket)
	p.waitFor(t, "msg=serving")
	if n, err := count(t.Context(), socket); n != 10 || err != nil {
		t.Errorf("read %d entries, %v", n, err)
	}
}

func TestReloadsOnSIGHUP(t *testing.T) {
	t.Parallel()
	args, socket, file := contract(t, "log: {level: info}\n")
	p := run(t, exec.Command("/proc/self/exe", args...), socket)
	p.waitFor(t, "msg=serving")
	for _, step := range []struct{ yaml, want string }{
		{"log: {level: loud}\n", "the old one stays in force"},
		{"log: {level: debug}\nserver: {reflection: false}\n", "changed=[log.level]"},
	} {
		if err := os.WriteFile(file, []byte(step.yaml), 0o644); err != nil {
			t.Fatal(err)
		}
		p.signal(t, syscall.SIGHUP)
		p.waitFor(t, step.want)
	}
	p.waitFor(t, "key=server.reflection")
	if _, err := count(t.Context(), socket); err != nil {
		t.Errorf("after reloads: %v", err)
	}
}

func TestSocketActivation(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("systemd-socket-activate")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	args, socket, _ := contract(t, "")
	activated := filepath.Join(filepath.Dir(socket), "activated")
	cmd := exec.Command(program, append([]string{"--listen=" + activated, "--setenv=" + mainVariable + "=1", "/proc/self/exe"}, args...)...)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for i := range cmd.Args {
		if cmd.Args[i] == "/proc/self/exe" {
			cmd.Args[i] = self
		}
	}
	p := run(t, cmd, activated)
	p.waitFor(t, "Listening on")
	if n, err := count(t.Context(), activated); n != 10 || err != nil {
		t.Errorf("read %d entries, %v", n, err)
	}
	if _, err := os.Lstat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("noded made its own socket too: %v", err)
	}
	p.signal(t, syscall.SIGTERM)
	if code := p.exitCode(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Lstat(activated); err != nil {
		t.Errorf("noded removed the socket of systemd: %v", err)
	}
}

// awaitSettingsAck reads HTTP/2 frames until the server acknowledges the client's settings: it has then read all that
// the client sent.
func awaitSettingsAck(t *testing.T, conn net.Conn) {
	t.Helper()
	const settings, ack = 0x4, 0x1
	header := make([]byte, 9)
	for {
		if _, err := io.ReadFull(conn, header); err != nil {
			t.Fatal(err)
		}
		size := int64(header[0])<<16 | int64(header[1])<<8 | int64(header[2])
		if _, err := io.CopyN(io.Discard, conn, size); err != nil {
			t.Fatal(err)
		}
		if header[3] == settings && header[4]&ack != 0 {
			return
		}
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	args, socket, _ := contract(t, "limits: {drain_timeout: 1h}\n")
	p := run(t, exec.Command("/proc/self/exe", args...), socket)
	p.waitFor(t, "msg=serving")
	// A client that answers nothing keeps its connection open, whatever the server says.
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")); err != nil {
		t.Fatal(err)
	}
	awaitSettingsAck(t, conn)
	p.signal(t, syscall.SIGTERM)
	p.waitFor(t, "msg=stopping")
	p.signal(t, syscall.SIGTERM)
	if code := p.exitCode(t); code == 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	good, _, _ := contract(t, "")
	bad, _, _ := contract(t, "server: {sokcet: /x}\n")
	used, socket, _ := contract(t, "")
	if err := os.WriteFile(socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		code int
		want string
	}{
		{"configuration", bad, 2, "server.sokcet: unknown key; did you mean server.socket?"},
		{"flag", []string{"--sokcet"}, 2, "unknown flag: --sokcet; see noded --help"},
		{"argument", []string{"serve"}, 2, `unknown argument "serve"; see noded --help`},
		{"engine", append(append([]string{}, good...), "--engine=fast"), 2, `journal.engine: "fast": want one of auto, native, libsystemd`},
		{"socket", used, 1, "not a socket"},
		{"missing file", []string{"--config", "/nowhere/noded.yaml"}, 2, "/nowhere/noded.yaml: no such file or directory"},
		{"version", []string{"version"}, 0, "noded version "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := run(t, exec.Command("/proc/self/exe", tt.args...), "")
			if code := p.exitCode(t); code != tt.code || !strings.Contains(p.log.String(), tt.want) {
				t.Errorf("exit code %d with %q, want %d with %q", code, p.log, tt.code, tt.want)
			}
		})
	}
}

// networkSockets returns the IP sockets that a process has open.
func networkSockets(t *testing.T, pid int) []string {
	t.Helper()
	root := filepath.Join("/proc", strconv.Itoa(pid))
	inodes := make(map[string]string)
	for _, kind := range []string{"tcp", "tcp6", "udp", "udp6", "raw", "raw6"} {
		data, err := os.ReadFile(filepath.Join(root, "net", kind))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if fields := strings.Fields(line); len(fields) > 9 {
				inodes["socket:["+fields[9]+"]"] = kind + " " + fields[1]
			}
		}
	}
	descriptors, err := os.ReadDir(filepath.Join(root, "fd"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, d := range descriptors {
		link, err := os.Readlink(filepath.Join(root, "fd", d.Name()))
		if s := inodes[link]; err == nil && s != "" {
			found = append(found, s)
		}
	}
	return found
}
