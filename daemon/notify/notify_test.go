// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMessages(t *testing.T) {
	t.Parallel()
	var got []string
	n := New(func(m string) error { got = append(got, m); return nil }, 0, slog.New(slog.DiscardHandler))
	n.Ready("serving\nREADY=0")
	n.Reloading()
	n.Stopping()
	if len(got) == 3 {
		prefix, usec, _ := strings.Cut(got[1], "MONOTONIC_USEC=")
		if len(usec) < 4 {
			t.Errorf("monotonic time %q", usec)
		}
		got[1] = prefix
	}
	want := []string{"READY=1\nSTATUS=serving READY=0", "RELOADING=1\n", "STOPPING=1\nSTATUS=stopping"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestWatchdog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		beats := 0
		n := New(func(m string) error {
			if m == "WATCHDOG=1" {
				beats++
			}
			return nil
		}, 30*time.Second, slog.New(slog.NewTextHandler(&log, nil)))
		var stuck atomic.Bool
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			n.RunWatchdog(ctx, func(context.Context) error {
				if stuck.Load() {
					return errors.New("stuck")
				}
				return nil
			})
		}()
		time.Sleep(61 * time.Second)
		synctest.Wait()
		if beats != 5 {
			t.Errorf("%d beats in 61 s at a watchdog of 30 s, want 5", beats)
		}
		stuck.Store(true)
		time.Sleep(60 * time.Second)
		synctest.Wait()
		if beats != 5 || !strings.Contains(log.String(), "stuck") {
			t.Errorf("%d beats although the check does not pass; log: %s", beats, log.String())
		}
		cancel()
		<-done
	})
}

func TestWatchdogOff(t *testing.T) {
	t.Parallel()
	n := New(func(string) error { t.Error("notified"); return nil }, 0, slog.New(slog.DiscardHandler))
	if n.Watched() {
		t.Error("Watched")
	}
	n.RunWatchdog(t.Context(), func(context.Context) error { return nil })
}

func TestFromEnvironment(t *testing.T) { //nolint:paralleltest // it sets the environment
	path := filepath.Join(t.TempDir(), "n")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "3000000")
	n := FromEnvironment(slog.New(slog.DiscardHandler))
	if n.watchdog != 3*time.Second {
		t.Errorf("watchdog = %v", n.watchdog)
	}
	n.Ready("ok")
	buf := make([]byte, 100)
	size, err := conn.Read(buf)
	if err != nil || string(buf[:size]) != "READY=1\nSTATUS=ok" {
		t.Errorf("received %q, %v", buf[:size], err)
	}
}

func TestNotifyFailureIsLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	New(func(string) error { return errors.New("no socket") }, 0, slog.New(slog.NewTextHandler(&log, nil))).Ready("x")
	if !strings.Contains(log.String(), "no socket") {
		t.Errorf("log: %s", log.String())
	}
}
