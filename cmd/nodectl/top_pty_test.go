// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/noded/noded/test/need"
)

// screenSession is nodectl on a terminal.
type screenSession struct {
	command *exec.Cmd
	// terminal is the end of the terminal where the person is, far the other one. before is how it was set before nodectl began.
	terminal, far *os.File
	before        *unix.Termios
	// mu guards the field below: what the terminal received.
	mu  sync.Mutex
	out bytes.Buffer
	// ended is closed when the terminal has received all.
	ended chan struct{}
}

// openSession starts nodectl on a terminal.
func openSession(t *testing.T, size pty.Winsize, env []string, args ...string) *screenSession {
	t.Helper()
	program, err := exec.LookPath("nodectl")
	if err != nil {
		t.Fatal(err)
	}
	return openProgram(t, size, env, program, args...)
}

// openProgram starts a program on a terminal of its own. It is killed if it does not end in time.
func openProgram(t *testing.T, size pty.Winsize, env []string, program string, args ...string) *screenSession {
	t.Helper()
	var err error
	s := &screenSession{command: exec.Command(program, args...), ended: make(chan struct{})}
	s.command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TERM=xterm-256color", "TZ=UTC", "LANG=C.UTF-8"}, env...)
	if s.terminal, s.far, err = pty.Open(); err != nil {
		t.Fatal(err)
	}
	if err := pty.Setsize(s.terminal, &size); err != nil {
		t.Fatal(err)
	}
	s.before = s.settings(t)
	s.command.Stdin, s.command.Stdout, s.command.Stderr = s.far, s.far, s.far
	s.command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(5*time.Minute, func() { _ = s.command.Process.Kill() })
	go func() {
		defer close(s.ended)
		// A terminal whose other end is closed gives EIO, which is its end of file.
		_, _ = io.Copy(writerFunc(s.write), s.terminal)
	}()
	t.Cleanup(func() {
		timer.Stop()
		_ = s.command.Process.Kill()
		_ = s.command.Wait()
		_ = s.far.Close()
		_ = s.terminal.Close()
		<-s.ended
	})
	return s
}

// settings are how the terminal is set.
func (s *screenSession) settings(t *testing.T) *unix.Termios {
	t.Helper()
	got, err := unix.IoctlGetTermios(int(s.far.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// restored wants that the terminal is as it was before.
func (s *screenSession) restored(t *testing.T) {
	t.Helper()
	if diff := cmp.Diff(s.before, s.settings(t)); diff != "" {
		t.Errorf("the terminal is set otherwise (-before +after):\n%s", diff)
	}
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
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
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
	for i := range 1200 {
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
	s.restored(t)
	_ = s.far.Close()
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
	at := s.await(t, 0, `kube-apiserver-node1 +250m`)
	if raw := s.settings(t); raw.Lflag&unix.ICANON != 0 {
		t.Errorf("the terminal is not taken over: %x", raw.Lflag)
	}
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

// TestTopScreenTerminals: a terminal of a name that nobody knows has a screen, in any locale, and one that can only print gets tables.
func TestTopScreenTerminals(t *testing.T) {
	t.Parallel()
	env := topStats(t)
	for _, tt := range []struct {
		name, env string
		screen    bool
		trend     string
		code      int
	}{
		{"unknown name", "TERM=no-such-terminal", true, "█", 0},
		{"another locale", "LC_ALL=de_DE.ISO-8859-1", true, "%", 0},
		{"UTF-8 by another name", "LC_ALL=ja_JP.utf8", true, "█", 0},
		{"dumb", "TERM=dumb", false, "", 130},
		{"no name", "TERM=", false, "", 130},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := openSession(t, pty.Winsize{Rows: 10, Cols: 100}, append(slices.Clone(env), tt.env), "top", "node", "-w")
			if tt.screen {
				s.await(t, 0, `node1 +1250m +3072Mi.*`+tt.trend+` `)
			} else {
				at := s.await(t, 0, `node1 +1250m +31% +3072Mi`)
				s.await(t, at, `node1 +1250m +31% +3072Mi`)
			}
			s.press(t, "\x03")
			if out := s.end(t, tt.code); strings.Contains(out, enterScreen) != tt.screen || strings.Contains(out, "\x1b") != tt.screen {
				t.Errorf("%q", out)
			}
		})
	}
}

// TestTopScreenStops: control Z gives the terminal back to the shell until fg.
func TestTopScreenStops(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("bash")
	if err != nil {
		need.Missing(t, "there is no bash: ", err)
	}
	s := openProgram(t, pty.Winsize{Rows: 10, Cols: 80}, append(topStats(t), "PS1=ready> "), shell, "--norc", "--noprofile", "--noediting", "-i")
	at := s.await(t, 0, `ready> `)
	s.press(t, "nodectl top node -w\n")
	at = s.await(t, at, `node1 +1250m`)
	s.press(t, "\x1a")
	at = s.await(t, at, `\x1b\[\?1049l(.|\n)*Stopped.*\r\nready> `)
	if s.settings(t).Lflag&unix.ECHO == 0 {
		t.Error("the terminal does not echo")
	}
	s.press(t, "fg\n")
	// It is drawn anew, word by word.
	at = s.await(t, at, `\x1b\[\?1049h(.|\n)*1250m`)
	s.press(t, "q")
	s.await(t, at, `ready> `)
	s.press(t, "exit\n")
	s.end(t, 0)
}

// TestTopScreenAway: that noded is away is said, and that it is back is to be seen.
func TestTopScreenAway(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	stop, err := serveStats(socket)
	if err != nil {
		t.Fatal(err)
	}
	s := openSession(t, pty.Winsize{Rows: 10, Cols: 100}, []string{"NODECTL_ADDRESS=unix://" + socket}, "top", "node", "-w")
	at := s.await(t, 0, `node1 +1250m`)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	at = s.await(t, at, `error: noded went away`)
	if stop, err = serveStats(socket); err != nil {
		t.Fatal(err)
	}
	s.await(t, at, `\? help`)
	s.press(t, "q")
	s.end(t, 0)
	if err := stop(); err != nil {
		t.Error(err)
	}
}
