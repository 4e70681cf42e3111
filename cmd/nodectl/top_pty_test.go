// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// screenSession is nodectl on a terminal.
type screenSession struct {
	command  *exec.Cmd
	terminal *os.File
	// mu guards the field below: what the terminal received.
	mu  sync.Mutex
	out bytes.Buffer
	// ended is closed when the terminal has received all.
	ended chan struct{}
}

// openSession starts nodectl on a terminal. It is killed if it does not end in time.
func openSession(t *testing.T, size pty.Winsize, env []string, args ...string) *screenSession {
	t.Helper()
	program, err := exec.LookPath("nodectl")
	if err != nil {
		t.Fatal(err)
	}
	s := &screenSession{command: exec.Command(program, args...), ended: make(chan struct{})}
	s.command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TERM=xterm-256color", "TZ=UTC", "LANG=C.UTF-8"}, env...)
	if s.terminal, err = pty.StartWithSize(s.command, &size); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(60*time.Second, func() { _ = s.command.Process.Kill() })
	go func() {
		defer close(s.ended)
		// A terminal whose other end is closed gives EIO, which is its end of file.
		_, _ = io.Copy(writerFunc(s.write), s.terminal)
	}()
	t.Cleanup(func() {
		timer.Stop()
		_ = s.command.Process.Kill()
		_ = s.command.Wait()
		_ = s.terminal.Close()
		<-s.ended
	})
	return s
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func (s *screenSession) write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Write(p)
}

// await waits until what the terminal received after the first n bytes matches, and returns how much it has received.
func (s *screenSession) await(t *testing.T, n int, pattern string) int {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		got := s.out.String()
		s.mu.Unlock()
		if re.MatchString(got[n:]) {
			return len(got)
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %q in %q", pattern, got[n:])
		}
	}
}

// follows wants that the figure of shop/db-0 grows by itself. A terminal of another size gets all anew, else only what changes is sent.
func (s *screenSession) follows(t *testing.T) {
	t.Helper()
	re := regexp.MustCompile(`db-0 +(\d+)m`)
	for i := range 200 {
		if err := pty.Setsize(s.terminal, &pty.Winsize{Rows: 12, Cols: uint16(109 + i%2)}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		s.mu.Lock()
		shown := map[string]bool{}
		for _, match := range re.FindAllStringSubmatch(s.out.String(), -1) {
			shown[match[1]] = true
		}
		s.mu.Unlock()
		// The first figure, that of the first look that the screen is told of, and that of the next one.
		if len(shown) > 2 {
			return
		}
	}
	t.Fatal("the figures stay as they were")
}

func (s *screenSession) press(t *testing.T, keys string) {
	t.Helper()
	if _, err := io.WriteString(s.terminal, keys); err != nil {
		t.Fatal(err)
	}
}

// end waits for the end of nodectl, and returns all that the terminal received.
func (s *screenSession) end(t *testing.T, code int) string {
	t.Helper()
	err := s.command.Wait()
	<-s.ended
	if got := s.command.ProcessState.ExitCode(); got != code {
		t.Errorf("ended with %d (%v), want %d: %q", got, err, code, s.out.String())
	}
	return s.out.String()
}

// topStats serves figures and returns the environment in which nodectl finds them.
func topStats(t *testing.T) []string {
	t.Helper()
	dir, err := os.MkdirTemp("", "top")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	stop, err := serveStats(socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return []string{"NODECTL_ADDRESS=unix://" + socket}
}

// The terminal enters and leaves its other screen.
const enterScreen, leaveScreen = "\x1b[?1049h", "\x1b[?1049l"

// TestTopScreen goes through the live screen with the keys of a person, on a real terminal.
func TestTopScreen(t *testing.T) {
	t.Parallel()
	s := openSession(t, pty.Winsize{Rows: 12, Cols: 110}, topStats(t), "top", "pod", "--watch")
	before, err := unix.IoctlGetTermios(int(s.terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	at := s.await(t, 0, `kube-apiserver-node1 +250m`)
	s.follows(t)
	s.press(t, "m")
	at = s.await(t, at, `memory`)
	s.press(t, "/WEB")
	at = s.await(t, at, `filter: |WEB`)
	s.press(t, "\r")
	at = s.await(t, at, `quit`)
	s.press(t, "\x1b[B\x1b[Zu")
	at = s.await(t, at, `units`)
	s.press(t, "\x1b")
	time.Sleep(100 * time.Millisecond) // An escape that nothing follows for a while is the key.
	at = s.await(t, at, `evil\\x1b\[31m\.service`)
	s.press(t, " ")
	at = s.await(t, at, `PAUSED`)
	if err := pty.Setsize(s.terminal, &pty.Winsize{Rows: 20, Cols: 70}); err != nil {
		t.Fatal(err)
	}
	s.await(t, at, `kubelet\.service`)
	s.press(t, "q")
	out := s.end(t, 0)
	if !strings.Contains(out, enterScreen) || strings.LastIndex(out, leaveScreen) < strings.LastIndex(out, enterScreen) {
		t.Errorf("the screen of before is not given back: %q", out)
	}
	if strings.Contains(out, "\x1b[31m.service") {
		t.Errorf("a name drives the terminal: %q", out)
	}
	after, err := unix.IoctlGetTermios(int(s.terminal.Fd()), unix.TCGETS)
	if err != nil && !errors.Is(err, unix.EIO) {
		t.Fatal(err)
	}
	if err == nil && (after.Lflag != before.Lflag && after.Lflag&unix.ECHO == 0) {
		t.Errorf("the terminal does not echo any more: %x", after.Lflag)
	}
}

// TestTopScreenEnds: the terminal is given back, however the screen ends.
func TestTopScreenEnds(t *testing.T) {
	t.Parallel()
	env := topStats(t)
	for _, tt := range []struct {
		name string
		end  func(t *testing.T, s *screenSession)
		code int
	}{
		{"control C", func(t *testing.T, s *screenSession) { s.press(t, "\x03") }, 0},
		{"SIGTERM", func(_ *testing.T, s *screenSession) { _ = s.command.Process.Signal(unix.SIGTERM) }, 128 + int(unix.SIGTERM)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := openSession(t, pty.Winsize{Rows: 10, Cols: 60}, env, "top", "node", "-w")
			s.await(t, 0, `node1 `)
			tt.end(t, s)
			if out := s.end(t, tt.code); !strings.Contains(out, enterScreen) || !strings.Contains(out, leaveScreen) {
				t.Errorf("%q", out)
			}
		})
	}
}

// TestTopScreenRefused: a terminal that nobody can draw on is told of, and left as it is.
func TestTopScreenRefused(t *testing.T) {
	t.Parallel()
	s := openSession(t, pty.Winsize{Rows: 10, Cols: 60}, append(topStats(t), "TERM=no-such-terminal"), "top", "node", "-w")
	if out := s.end(t, 2); !strings.Contains(out, `error: a terminal of type "no-such-terminal" is not known`) || strings.Contains(out, enterScreen) {
		t.Errorf("%q", out)
	}
}
