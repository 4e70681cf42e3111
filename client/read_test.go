// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/noded/noded/client"
	"github.com/noded/noded/journal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector is a client.Handler that keeps the numbers of the entries. An error of check ends the read.
type collector struct {
	numbers []uint64
	check   func(numbers []uint64) error
}

func (c *collector) Record(r *journal.Record) error {
	c.numbers = append(c.numbers, r.Seqnum)
	if c.check != nil {
		return c.check(c.numbers)
	}
	return nil
}
func (c *collector) Gap(journal.Gap) error           { return nil }
func (c *collector) Progress(journal.Progress) error { return nil }

func numbers(from, to uint64) []uint64 {
	var out []uint64
	for n := from; n != to; {
		out = append(out, n)
		if from < to {
			n++
		} else {
			n--
		}
	}
	return append(out, to)
}

// TestReadResumes breaks reads of every kind, some of them twice, and wants each entry once.
func TestReadResumes(t *testing.T) {
	t.Parallel()
	since := journal.Usec(41 * 1000)
	tests := []struct {
		name   string
		query  journal.Query
		breaks []int
		want   []uint64
	}{
		{"all", journal.Query{Lines: -1}, []int{10, 0, 1}, numbers(1, 100)},
		{"unbroken", journal.Query{Lines: -1}, nil, numbers(1, 100)},
		{"broken after the last", journal.Query{Lines: 7}, []int{7}, numbers(94, 100)},
		{"tail", journal.Query{Lines: 20}, []int{5, 5}, numbers(81, 100)},
		{"head", journal.Query{Lines: 20, FromHead: true}, []int{5, 5}, numbers(1, 20)},
		{"reverse", journal.Query{Lines: -1, Reverse: true}, []int{30}, numbers(100, 1)},
		{"reverse tail", journal.Query{Lines: 20, Reverse: true}, []int{3, 4}, numbers(100, 81)},
		{"since", journal.Query{Lines: -1, Since: &since}, []int{1}, numbers(41, 100)},
		{"reverse since", journal.Query{Lines: -1, Since: &since, Reverse: true}, []int{1}, numbers(100, 41)},
		{"cursor", journal.Query{Lines: -1, Cursor: header(50).Cursor()}, []int{1, 0}, numbers(50, 100)},
		{"after cursor with lines", journal.Query{Lines: 8, FromHead: true, Cursor: header(50).Cursor(), AfterCursor: true}, []int{1, 2}, numbers(51, 58)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := startFake(t, 100)
			f.breakAfter = tt.breaks
			var resumed int
			got := &collector{}
			err := f.dial(10*time.Second).Read(t.Context(), client.ReadRequest{
				Query: tt.query, OnResume: func(client.Resume) { resumed++ },
			}, got)
			if err != nil {
				t.Fatalf("Read() = %v, want nil", err)
			}
			if diff := cmp.Diff(tt.want, got.numbers); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
		})
	}
}

// TestReadResumesFollow kills the server while it is followed, lets entries be written while it is away, and
// wants each of them once.
func TestReadResumesFollow(t *testing.T) {
	t.Parallel()
	for _, entries := range []uint64{0, 30} {
		f := startFake(t, entries)
		done := errors.New("done")
		var resumes []client.Resume
		killed := false
		got := &collector{}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		got.check = func(n []uint64) error {
			if n[len(n)-1] == entries+40 {
				return done
			}
			return nil
		}
		restarted := make(chan struct{})
		go func() {
			defer close(restarted)
			for range 2 {
				for len(f.seen()) == 0 {
					time.Sleep(time.Millisecond)
				}
				time.Sleep(30 * time.Millisecond)
				f.stop()
				f.append(10)
				_ = os.Remove(f.path)
				time.Sleep(30 * time.Millisecond)
				f.start()
				f.append(10)
			}
		}()
		err := f.dial(10*time.Second).Read(ctx, client.ReadRequest{
			Query:    journal.Query{Lines: 10, Follow: true},
			OnResume: func(r client.Resume) { resumes = append(resumes, r); killed = true },
		}, got)
		<-restarted
		if !errors.Is(err, done) {
			t.Fatalf("Read() = %v, want the handler's error", err)
		}
		first := uint64(1)
		if entries > 10 {
			first = entries - 9
		}
		if diff := cmp.Diff(numbers(first, entries+40), got.numbers); diff != "" {
			t.Errorf("entries (-want +got):\n%s", diff)
		}
		if !killed || len(resumes) == 0 || resumes[0].Cause == nil || resumes[0].Away <= 0 {
			t.Errorf("resumes = %+v, want at least one with its cause", resumes)
		}
	}
}

func TestReadGivesUp(t *testing.T) {
	t.Parallel()
	f := startFake(t, 10)
	got := &collector{check: func(n []uint64) error {
		if len(n) == 5 {
			go f.stop()
		}
		return nil
	}}
	begin := time.Now()
	err := f.dial(300*time.Millisecond).Read(t.Context(), client.ReadRequest{Query: journal.Query{Lines: -1, Follow: true}}, got)
	if !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("Read() = %v, want ErrUnreachable", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("gave up after %v", took)
	}
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		code codes.Code
		want error
	}{
		{codes.PermissionDenied, client.ErrDenied},
		{codes.Unimplemented, client.ErrOldServer},
		{codes.ResourceExhausted, nil},
	}
	for _, tt := range tests {
		t.Run(tt.code.String(), func(t *testing.T) {
			t.Parallel()
			f := startFake(t, 10)
			f.breakAfter, f.breakWith = []int{0}, status.Error(tt.code, "the reason")
			err := f.dial(time.Second).Read(t.Context(), client.ReadRequest{Query: journal.NewQuery()}, &collector{})
			var e *client.Error
			if !errors.As(err, &e) || e.Hint() == "" {
				t.Fatalf("Read() = %v, want a *client.Error with a hint", err)
			}
			if tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("Read() = %v, want %v", err, tt.want)
			}
			if n := len(f.seen()); n != 1 {
				t.Errorf("%d requests, want 1", n)
			}
		})
	}
}

// TestReadSlow wants that a reader which the server cut for being slow goes on.
func TestReadSlow(t *testing.T) {
	t.Parallel()
	f := startFake(t, 10)
	f.breakAfter, f.breakWith = []int{4}, status.Error(codes.ResourceExhausted, "too slow")
	got := &collector{}
	if err := f.dial(time.Second).Read(t.Context(), client.ReadRequest{Query: journal.NewQuery()}, got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(numbers(1, 10), got.numbers); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestReadCancelled(t *testing.T) {
	t.Parallel()
	f := startFake(t, 10)
	ctx, cancel := context.WithCancel(t.Context())
	got := &collector{check: func(n []uint64) error {
		if len(n) == 10 {
			cancel()
		}
		return nil
	}}
	err := f.dial(time.Second).Read(ctx, client.ReadRequest{Query: journal.Query{Lines: -1, Follow: true}}, got)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Read() = %v, want context.Canceled", err)
	}
}

func TestDialErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path, hint, text string
	}{
		{"missing", filepath.Join(dir, "none"), "systemctl start noded", "noded is not running: no socket at " + filepath.Join(dir, "none")},
		{"refused", file, "systemctl start noded", "noded is not running: nobody listens on " + file},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := client.Dial(client.Config{Address: "unix://" + tt.path})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, err = c.Boots(t.Context())
			var e *client.Error
			if !errors.As(err, &e) || !errors.Is(err, client.ErrUnreachable) {
				t.Fatalf("Boots() = %v, want an ErrUnreachable", err)
			}
			if e.Hint() != tt.hint || e.Error() != tt.text {
				t.Errorf("Boots() = %q, hint %q, want %q, hint %q", e, e.Hint(), tt.text, tt.hint)
			}
		})
	}
}

func TestDialErrorAdvice(t *testing.T) {
	t.Parallel()
	tests := []struct {
		errno syscall.Errno
		want  error
		hint  string
	}{
		{syscall.EACCES, client.ErrDenied, "sudo usermod -aG noded $USER, then log in again"},
		{syscall.ENOENT, client.ErrUnreachable, "systemctl start noded"},
		{syscall.ECONNREFUSED, client.ErrUnreachable, "systemctl start noded"},
		{syscall.EPROTOTYPE, client.ErrUnreachable, "--address " + client.DefaultAddress},
	}
	for _, tt := range tests {
		err := client.DialError("/s", &os.SyscallError{Syscall: "connect", Err: tt.errno})
		if !errors.Is(err, tt.want) || err.Hint() != tt.hint {
			t.Errorf("dialError(%v) = %v, hint %q, want %v, hint %q", tt.errno, err, err.Hint(), tt.want, tt.hint)
		}
	}
}
