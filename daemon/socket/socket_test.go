// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func directory(t *testing.T) string {
	t.Helper()
	d := t.TempDir()
	if err := os.Chmod(d, 0o755); err != nil {
		t.Fatal(err)
	}
	return d
}

func listen(t *testing.T, c Config) *Listener {
	t.Helper()
	l, err := Listen(c, discard())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestModeAndRemoval(t *testing.T) {
	t.Parallel()
	for _, mode := range []fs.FileMode{0o660, 0o600, 0o666} {
		path := filepath.Join(directory(t), "s")
		l := listen(t, Config{Path: path, Mode: mode})
		info, err := os.Lstat(path)
		if err != nil || info.Mode() != mode|fs.ModeSocket {
			t.Errorf("mode %v, %v, want %v", info.Mode(), err, mode)
		}
		if err := errors.Join(l.Close(), l.Close()); err != nil {
			t.Errorf("Close: %v", err)
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the socket is left: %v", err)
		}
	}
}

func TestSocketIsPrivateFromTheFirstMoment(t *testing.T) {
	t.Parallel()
	path := filepath.Join(directory(t), "s")
	l, err := bindPrivate(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestDirectoryIsMade(t *testing.T) {
	t.Parallel()
	path := filepath.Join(directory(t), "noded", "s")
	listen(t, Config{Path: path, Mode: 0o660, Group: "no-such-group-here"})
	info, err := os.Stat(filepath.Dir(path))
	if err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("directory: %v, %v", info.Mode(), err)
	}
	if _, err := Listen(Config{Path: filepath.Join(filepath.Dir(path), "a", "b", "s")}, discard()); err == nil {
		t.Error("two levels of directories were made")
	}
}

// needRoot skips a test that gives a file away, except in CI, where that must be possible.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("needs root")
	}
	t.Skip("needs root, to give a file away")
}

func TestGroupOfSocket(t *testing.T) {
	t.Parallel()
	needRoot(t)
	path := filepath.Join(directory(t), "d", "s")
	listen(t, Config{Path: path, Mode: 0o660, Group: "4242"})
	for _, p := range []string{path, filepath.Dir(path)} {
		if gid := gidOf(t, p); gid != 4242 {
			t.Errorf("%s has group %d", p, gid)
		}
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(directory(t), "s")
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	listen(t, Config{Path: path, Mode: 0o660})
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

func TestSocketInUseIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(directory(t), "s")
	listen(t, Config{Path: path, Mode: 0o660})
	_, err := Listen(Config{Path: path, Mode: 0o660}, discard())
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "--socket") {
		t.Errorf("Listen = %v", err)
	}
}

func TestOtherThingsAtThePathAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		make func(path string) error
		want string
	}{
		{"file", func(p string) error { return os.WriteFile(p, []byte("precious"), 0o600) }, "not a socket"},
		{"directory", func(p string) error { return os.Mkdir(p, 0o700) }, "not a socket"},
		{"symbolic link", func(p string) error { return os.Symlink("/dev/null", p) }, "symbolic link"},
		{"dangling link", func(p string) error { return os.Symlink("/nowhere", p) }, "symbolic link"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(directory(t), "s")
			if err := tt.make(path); err != nil {
				t.Fatal(err)
			}
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Listen(Config{Path: path, Mode: 0o660}, discard()); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Listen = %v, want %q", err, tt.want)
			}
			if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
				t.Errorf("what was there is gone: %v", err)
			}
		})
	}
}

func TestDirectoryThatOthersCanWriteIsRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		mode fs.FileMode
		ok   bool
	}{
		{0o755, true}, {0o700, true}, {0o750, true},
		{0o757, false}, {0o777, false},
		// The own group of a user who is not root may write.
		{0o775, os.Geteuid() != 0},
		{0o777 | fs.ModeSticky, true},
	}
	for _, tt := range tests {
		d := directory(t)
		if err := os.Chmod(d, tt.mode); err != nil {
			t.Fatal(err)
		}
		l, err := Listen(Config{Path: filepath.Join(d, "s"), Mode: 0o660}, discard())
		if (err == nil) != tt.ok {
			t.Errorf("Listen in a directory of mode %v = %v, want ok=%v", tt.mode, err, tt.ok)
		}
		if err == nil {
			_ = l.Close()
		}
	}
}

func TestDirectoryOfAnotherUserIsRefused(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for _, mode := range []fs.FileMode{0o755, 0o777 | fs.ModeSticky} {
		d := directory(t)
		if err := errors.Join(os.Chown(d, 65534, 65534), os.Chmod(d, mode)); err != nil {
			t.Fatal(err)
		}
		if _, err := Listen(Config{Path: filepath.Join(d, "s"), Mode: 0o660}, discard()); err == nil || !strings.Contains(err.Error(), "belongs to user 65534") {
			t.Errorf("Listen in a directory of mode %v = %v", mode, err)
		}
	}
}

func TestCloseLeavesSocketOfAnother(t *testing.T) {
	t.Parallel()
	path := filepath.Join(directory(t), "s")
	l := listen(t, Config{Path: path, Mode: 0o660})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	listen(t, Config{Path: path, Mode: 0o660})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the socket of the other one is gone: %v", err)
	}
}

// TestOneOfManyWins starts several at a time on a left-over socket: exactly one may get it.
func TestOneOfManyWins(t *testing.T) {
	t.Parallel()
	path := filepath.Join(directory(t), "s")
	old, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	old.SetUnlinkOnClose(false)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	var won sync.WaitGroup
	winners := make(chan *Listener, 16)
	for range 16 {
		won.Go(func() {
			l, err := Listen(Config{Path: path, Mode: 0o660}, discard())
			if err == nil {
				winners <- l
			} else if !errors.Is(err, ErrInUse) {
				t.Errorf("Listen = %v", err)
			}
		})
	}
	won.Wait()
	if len(winners) != 1 {
		t.Errorf("%d got the socket", len(winners))
	}
	for range len(winners) {
		_ = (<-winners).Close()
	}
}

func TestActivation(t *testing.T) {
	t.Parallel()
	if l, err := fromFiles(nil); err != nil || l != nil {
		t.Errorf("without sockets: %v, %v", l, err)
	}
	path := filepath.Join(directory(t), "s")
	inner, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	inner.SetUnlinkOnClose(false)
	f, err := inner.File()
	if err != nil {
		t.Fatal(err)
	}
	listeners, err := fromFiles([]*os.File{f})
	if err != nil || len(listeners) != 1 || listeners[0].Addr().String() != path {
		t.Fatalf("listeners = %v, %v", listeners, err)
	}
	if err := listeners[0].Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the socket of systemd was removed: %v", err)
	}
}

func TestActivationRefusesNetworks(t *testing.T) {
	t.Parallel()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	f, err := tcp.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fromFiles([]*os.File{f}); err == nil || !strings.Contains(err.Error(), "unix sockets only") {
		t.Errorf("a TCP socket: %v", err)
	}
	packets, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: filepath.Join(directory(t), "s"), Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	if f, err = packets.File(); err != nil {
		t.Fatal(err)
	}
	if _, err := fromFiles([]*os.File{f}); err == nil || !strings.Contains(err.Error(), "unixpacket") {
		t.Errorf("a socket of packets: %v", err)
	}
	plain, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fromFiles([]*os.File{plain}); err == nil {
		t.Error("a file was taken for a socket")
	}
}
