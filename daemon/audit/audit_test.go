// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/noded/noded/daemon/peercred"
)

func TestLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want []string
		not  string
	}{
		{"ok", nil, []string{"level=INFO", "msg=call", "uid=7", "pid=1", "role=reader", "method=/s/M", `selectors="unit=a\nb"`, "records=3", "bytes=55", "result=OK", "duration="}, "err="},
		{"denied", status.Error(codes.PermissionDenied, "no"), []string{"level=WARN", "result=PermissionDenied"}, "err="},
		{"internal", status.Error(codes.Internal, "broken"), []string{"level=ERROR", "result=Internal", "err=broken"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			log := New(slog.New(slog.NewTextHandler(&out, nil)), Config{Role: func(*peercred.Peer) string { return "reader" }})
			ctx := peer.NewContext(t.Context(), &peer.Peer{Addr: &net.UnixAddr{}, AuthInfo: &peercred.Peer{UID: 7, PID: 1}})
			ctx = log.TagRPC(ctx, &stats.RPCTagInfo{})
			_, err := log.Unary(ctx, nil, &grpc.UnaryServerInfo{FullMethod: "/s/M"}, func(ctx context.Context, _ any) (any, error) {
				call := FromContext(ctx)
				call.Select("unit=a\nb")
				call.AddRecords(3)
				log.HandleRPC(ctx, &stats.OutPayload{WireLength: 55})
				return nil, tt.err
			})
			if status.Code(err) != status.Code(tt.err) {
				t.Errorf("Unary = %v", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("line lacks %q: %s", want, out.String())
				}
			}
			if tt.not != "" && strings.Contains(out.String(), tt.not) {
				t.Errorf("line has %q: %s", tt.not, out.String())
			}
			if strings.Count(out.String(), "\n") != 1 {
				t.Errorf("want one line: %q", out.String())
			}
		})
	}
}

func TestSelectorsAreCut(t *testing.T) {
	t.Parallel()
	c := &Call{}
	c.Select(strings.Repeat("ä", 5000))
	if got := c.selected(); len(got) > maxSelectorBytes+3 || !utf8.ValidString(got) || !strings.HasSuffix(got, "...") {
		t.Errorf("selectors of %d bytes: %q", len(got), got)
	}
}

func TestNilCallRecordsNothing(t *testing.T) {
	t.Parallel()
	c := FromContext(context.Background())
	c.Select("x")
	c.AddRecords(1)
}

func TestWindow(t *testing.T) {
	t.Parallel()
	w := newWindows(2, time.Second)
	at := func(ms int) time.Time { return time.Unix(100, int64(ms)*1e6) }
	steps := []struct {
		uid        uint32
		ms         int
		ok         bool
		suppressed int
	}{
		{1, 0, true, 0}, {1, 1, true, 0}, {1, 2, false, 0}, {1, 3, false, 0},
		// One user does not hide another.
		{2, 4, true, 0},
		{1, 999, false, 0}, {1, 1000, true, 3}, {1, 1001, true, 0}, {1, 1002, false, 0}, {1, 3000, true, 1},
	}
	for _, s := range steps {
		if ok, n := w.allow(s.uid, at(s.ms)); ok != s.ok || n != s.suppressed {
			t.Errorf("user %d at %d ms: %v, %d, want %v, %d", s.uid, s.ms, ok, n, s.ok, s.suppressed)
		}
	}
}

// TestWindowsOfManyUsers: who has many user ids fills neither the log nor the memory, and nothing goes uncounted.
func TestWindowsOfManyUsers(t *testing.T) {
	t.Parallel()
	const users = 1000
	w := newWindows(2, time.Second)
	start := time.Unix(100, 0)
	passed, suppressed := 0, 0
	for i := range users {
		if ok, n := w.allow(uint32(i), start.Add(time.Duration(i)*time.Microsecond)); ok {
			passed++
			suppressed += n
		}
	}
	if passed != 20 || len(w.users) != maxUsers {
		t.Errorf("%d lines and %d windows for %d users", passed, len(w.users), users)
	}
	for i := range maxUsers {
		_, n := w.allow(uint32(users-1-i), start.Add(time.Duration(2+i)*time.Second))
		suppressed += n
	}
	if suppressed != users-passed {
		t.Errorf("%d were counted as not logged, want %d", suppressed, users-passed)
	}
}

func TestRefusalsAreLimited(t *testing.T) {
	t.Parallel()
	tests := []struct {
		code  codes.Code
		bytes int
		want  int
	}{
		{codes.PermissionDenied, 0, 3},
		{codes.ResourceExhausted, 0, 3},
		{codes.Unimplemented, 0, 3},
		{codes.ResourceExhausted, 5, 20},
		{codes.OK, 0, 20},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		log := New(slog.New(slog.NewTextHandler(&out, nil)), Config{Role: func(*peercred.Peer) string { return "" }, DenialsPerWindow: 3, Window: time.Hour})
		ctx := peer.NewContext(t.Context(), &peer.Peer{AuthInfo: &peercred.Peer{UID: 7}})
		for range 20 {
			_, _ = log.Unary(log.TagRPC(ctx, nil), nil, &grpc.UnaryServerInfo{}, func(ctx context.Context, _ any) (any, error) {
				if tt.bytes > 0 {
					log.HandleRPC(ctx, &stats.OutPayload{WireLength: tt.bytes})
				}
				return nil, status.Error(tt.code, "")
			})
		}
		if n := strings.Count(out.String(), "\n"); n != tt.want {
			t.Errorf("%v after %d bytes: %d lines, want %d", tt.code, tt.bytes, n, tt.want)
		}
	}
}
