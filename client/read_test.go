// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/noded/noded/client"
	"github.com/noded/noded/journal"
	nodedv1 "github.com/noded/noded/proto/noded/v1"
	"github.com/noded/noded/proto/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collector is a client.Handler that keeps the numbers of the entries. An error of check ends the read.
type collector struct {
	// t, unless nil, is told of entries that are not those of fakeNode.
	t       *testing.T
	numbers []uint64
	gaps    []journal.Gap
	check   func(numbers []uint64) error
	// caughtUp, unless nil, is called once, at the first progress.
	caughtUp func()
}

func (c *collector) Record(r *journal.Record) error {
	c.numbers = append(c.numbers, r.Seqnum)
	if c.t != nil {
		run, rest := entryFields(r.Header)
		same := func(a, b journal.Field) bool { return a.Name == b.Name && string(a.Value) == string(b.Value) }
		if want := append(run.Fields, rest...); r.Node != "n" || r.Header != header(r.Seqnum) || !slices.EqualFunc(want, r.Fields, same) {
			c.t.Errorf("entry %d is %+v", r.Seqnum, r)
		}
	}
	if c.check != nil {
		return c.check(c.numbers)
	}
	return nil
}
func (c *collector) Gap(g journal.Gap) error { c.gaps = append(c.gaps, g); return nil }

func (c *collector) Progress(journal.Progress) error {
	if c.caughtUp != nil {
		c.caughtUp()
		c.caughtUp = nil
	}
	return nil
}

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
		{"broken before the first", journal.Query{Lines: -1}, []int{0, 0}, numbers(1, 100)},
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
		for _, compact := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, compact %v", tt.name, compact), func(t *testing.T) {
				t.Parallel()
				f := startFake(t, 100)
				f.breakAfter, f.compact = tt.breaks, compact
				got := &collector{t: t}
				err := f.dial(time.Minute).Read(t.Context(), client.ReadRequest{Query: tt.query}, got)
				if err != nil {
					t.Fatalf("Read() = %v, want nil", err)
				}
				if diff := cmp.Diff(tt.want, got.numbers); diff != "" {
					t.Errorf("entries (-want +got):\n%s", diff)
				}
			})
		}
	}
}

// TestReadRefusesNonsense checks that a batch that does not add up ends the read with an error.
func TestReadRefusesNonsense(t *testing.T) {
	t.Parallel()
	f := startFake(t, 10)
	f.compact = true
	f.spoil = func(b *nodedv1.JournalCompactBatch) {
		if b.GetSeqnums()[0] == 3 {
			b.EntryRuns[0] = 1 << 31
		}
	}
	got := &collector{t: t}
	err := f.dial(time.Minute).Read(t.Context(), client.ReadRequest{Query: journal.NewQuery()}, got)
	var told *client.Error
	if !errors.Is(err, wire.ErrCompactMalformed) || !errors.As(err, &told) || told.Hint() == "" {
		t.Errorf("Read() = %v, want %v with a hint", err, wire.ErrCompactMalformed)
	}
	if diff := cmp.Diff(numbers(1, 2), got.numbers); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
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
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		got.check = func(n []uint64) error {
			if n[len(n)-1] == entries+40 {
				return done
			}
			return nil
		}
		begun := make(chan struct{})
		got.caughtUp = sync.OnceFunc(func() { close(begun) })
		restarted := make(chan struct{})
		go func() {
			defer close(restarted)
			select {
			case <-begun: // a server that goes before is none
			case <-ctx.Done():
			}
			for range 2 {
				time.Sleep(30 * time.Millisecond)
				f.stop()
				f.append(10)
				_ = os.Remove(f.path)
				time.Sleep(30 * time.Millisecond)
				f.start()
				f.append(10)
			}
		}()
		err := f.dial(time.Minute).Read(ctx, client.ReadRequest{
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
	if took := time.Since(begin); took > time.Minute { // on a busy machine
		t.Errorf("gave up after %v", took)
	}
}

// TestReadTellsBreaks wants that a break is told once when it lasts, and not at all when it is short.
func TestReadTellsBreaks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		timeout time.Duration
		want    int
	}{{300 * time.Millisecond, 0}, {10 * time.Second, 1}} {
		t.Run(tt.timeout.String(), func(t *testing.T) {
			t.Parallel()
			f := startFake(t, 10)
			got := &collector{check: func(n []uint64) error {
				if len(n) == 10 {
					go f.stop()
				}
				return nil
			}}
			var breaks []client.Break
			err := f.dial(tt.timeout).Read(t.Context(), client.ReadRequest{
				Query:   journal.Query{Lines: -1, Follow: true},
				OnBreak: func(b client.Break) { breaks = append(breaks, b) },
			}, got)
			if !errors.Is(err, client.ErrUnreachable) {
				t.Errorf("Read() = %v, want ErrUnreachable", err)
			}
			if len(breaks) != tt.want {
				t.Fatalf("told of %d breaks, want %d", len(breaks), tt.want)
			}
			for _, b := range breaks {
				if b.Cause == nil || b.Wait != tt.timeout {
					t.Errorf("told %+v, want a cause and %v", b, tt.timeout)
				}
			}
		})
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
			f.breakAfter, f.breakWith, f.refuse = []int{0}, status.Error(tt.code, "the reason"), true
			err := f.dial(time.Minute).Read(t.Context(), client.ReadRequest{Query: journal.NewQuery()}, &collector{})
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

// TestHintsOfTheServer: what the server advises is shown rather than what is said to everybody.
func TestHintsOfTheServer(t *testing.T) {
	t.Parallel()
	for _, code := range []codes.Code{codes.PermissionDenied, codes.ResourceExhausted} {
		f := startFake(t, 1)
		f.breakAfter, f.breakWith, f.refuse = []int{0}, wire.Refusal(code, "R", "you are not in group logs", "join logs"), true
		err := f.dial(time.Minute).Read(t.Context(), client.ReadRequest{Query: journal.NewQuery()}, &collector{})
		var e *client.Error
		if !errors.As(err, &e) || e.Hint() != "join logs" || e.Error() != "you are not in group logs" {
			t.Errorf("Read() = %v, want the error and the hint of the server", err)
		}
	}
}

// TestResumedQueries looks at what is asked for after a break.
func TestResumedQueries(t *testing.T) {
	t.Parallel()
	since := journal.Usec(41 * 1000)
	done := errors.New("done")
	tests := []struct {
		name    string
		query   journal.Query
		entries uint64
		check   func(req *nodedv1.JournalServiceReadRequest) string
	}{
		{"lower bound of a reverse read", journal.Query{Lines: -1, Reverse: true, Since: &since}, 50, func(req *nodedv1.JournalServiceReadRequest) string {
			if req.GetSinceRealtimeUsec() != 41*1000 {
				return "the lower bound is gone"
			}
			return ""
		}},
		{"boot 0", journal.Query{Lines: -1, Filter: journal.Filter{Boot: &journal.BootRef{}}}, 50, func(req *nodedv1.JournalServiceReadRequest) string {
			if b := req.GetFilter().GetBoot(); journal.ID128(b.GetId()) != header(1).BootID || b.GetOffset() != 0 {
				return "the boot is relative"
			}
			return ""
		}},
		{"boot with id", journal.Query{Lines: -1, Filter: journal.Filter{Boot: &journal.BootRef{ID: journal.ID128{7}, Offset: -1}}}, 50, func(req *nodedv1.JournalServiceReadRequest) string {
			if b := req.GetFilter().GetBoot(); journal.ID128(b.GetId()) != (journal.ID128{7}) || b.GetOffset() != -1 {
				return "the boot is another one"
			}
			return ""
		}},
		{"cursor of an empty journal", journal.Query{Lines: 3, Follow: true, Cursor: header(9).Cursor()}, 0, func(req *nodedv1.JournalServiceReadRequest) string {
			if req.GetCursor() != "" || req.Lines != nil {
				return "what comes is not all new"
			}
			return ""
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := startFake(t, tt.entries)
			f.breakAfter = []int{3}
			got := &collector{check: func(n []uint64) error {
				if tt.query.Follow {
					return done
				}
				return nil
			}}
			restarted := make(chan struct{})
			if tt.query.Follow {
				f.gap = &journal.Gap{Reason: journal.GapCursorLost}
				got.caughtUp = func() {
					go func() {
						defer close(restarted)
						f.stop()
						_ = os.Remove(f.path)
						f.append(1)
						f.start()
					}()
				}
			} else {
				close(restarted)
			}
			if err := f.dial(time.Minute).Read(t.Context(), client.ReadRequest{Query: tt.query}, got); err != nil && !errors.Is(err, done) {
				t.Fatal(err)
			}
			<-restarted
			seen := f.seen()
			if len(seen) < 2 {
				t.Fatalf("%d requests, want a second one", len(seen))
			}
			if problem := tt.check(seen[len(seen)-1]); problem != "" {
				t.Errorf("%s: %v", problem, seen[len(seen)-1])
			}
		})
	}
}

// TestBreakAfterTheEnd: a bounded read whose stream breaks after everything was delivered has been answered.
func TestBreakAfterTheEnd(t *testing.T) {
	t.Parallel()
	for _, q := range []journal.Query{{Lines: -1}, {Lines: -1, Reverse: true}} {
		f := startFake(t, 5)
		f.breakAtEnd = true
		got := &collector{}
		if err := f.dial(time.Minute).Read(t.Context(), client.ReadRequest{Query: q}, got); err != nil {
			t.Fatal(err)
		}
		if len(got.numbers) != 5 || len(f.seen()) != 1 {
			t.Errorf("%d entries after %d requests, want 5 after 1", len(got.numbers), len(f.seen()))
		}
	}
}

// TestFilesAreToldOnce: every attempt tells the files that cannot be read; the handler hears it once.
func TestFilesAreToldOnce(t *testing.T) {
	t.Parallel()
	tests := []struct {
		gap  journal.Gap
		want int
	}{
		{journal.Gap{Source: "/a.journal", Reason: journal.GapTruncated}, 1},
		{journal.Gap{Source: "/a.journal", Reason: journal.GapCorrupt, Count: 1}, 3},
		{journal.Gap{Source: "a.service", Reason: journal.GapSuppressed}, 3},
	}
	for _, tt := range tests {
		f := startFake(t, 10)
		f.breakAfter, f.gap = []int{2, 2}, &tt.gap
		got := &collector{}
		if err := f.dial(time.Minute).Read(t.Context(), client.ReadRequest{Query: journal.NewQuery()}, got); err != nil {
			t.Fatal(err)
		}
		if len(got.gaps) != tt.want {
			t.Errorf("%v: told %d times, want %d", tt.gap, len(got.gaps), tt.want)
		}
	}
}

// TestBackOffOfAServerThatOnlyGreets: a stream that breaks before it gives anything is no success.
func TestBackOffOfAServerThatOnlyGreets(t *testing.T) {
	t.Parallel()
	f := startFake(t, 10)
	f.breakAfter = make([]int, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := time.Now()
	go func() {
		defer cancel()
		time.Sleep(time.Second)
		for len(f.seen()) < 2 { // on a busy machine
			time.Sleep(time.Millisecond)
		}
	}()
	err := f.dial(time.Minute).Read(ctx, client.ReadRequest{Query: journal.NewQuery()}, &collector{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Read() = %v", err)
	}
	if n, took := len(f.seen()), time.Since(began); n < 2 || float64(n) > 12*took.Seconds() {
		t.Errorf("%d attempts in %v", n, took)
	}
}

// TestServerThatHangs: a socket that accepts, and says nothing, is given up in time.
func TestServerThatHangs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c, err := client.Dial(client.Config{Address: "unix://" + path, Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	begin := time.Now()
	if err := c.Read(t.Context(), client.ReadRequest{Query: journal.NewQuery()}, &collector{}); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("Read() = %v, want ErrUnreachable", err)
	}
	if _, err := c.Boots(t.Context()); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("Boots() = %v, want ErrUnreachable", err)
	}
	if took := time.Since(begin); took > time.Minute { // on a busy machine
		t.Errorf("gave up after %v", took)
	}
}

func TestInvocationsRefusesPatterns(t *testing.T) {
	t.Parallel()
	f := startFake(t, 1)
	if _, err := f.dial(time.Minute).Invocations(t.Context(), "a*.service", false); !errors.Is(err, journal.ErrInvalidQuery) {
		t.Errorf("Invocations() = %v, want ErrInvalidQuery", err)
	}
}

// TestReadSlow wants that a reader which the server cut for being slow goes on.
func TestReadSlow(t *testing.T) {
	t.Parallel()
	f := startFake(t, 10)
	f.breakAfter, f.breakWith = []int{4}, status.Error(codes.ResourceExhausted, "too slow")
	got := &collector{}
	if err := f.dial(time.Minute).Read(t.Context(), client.ReadRequest{Query: journal.NewQuery()}, got); err != nil {
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
	err := f.dial(time.Minute).Read(ctx, client.ReadRequest{Query: journal.Query{Lines: -1, Follow: true}}, got)
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
		{"missing", filepath.Join(dir, "none"), "check --address or NODECTL_ADDRESS", "noded is not running: no socket at " + filepath.Join(dir, "none")},
		{"refused", file, "check --address or NODECTL_ADDRESS", "noded is not running: nobody listens on " + file},
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
		path  string
		errno syscall.Errno
		want  error
		hint  string
	}{
		{"/s", syscall.EACCES, client.ErrDenied, "sudo usermod -aG noded $USER, then log in again"},
		{"/run/noded/noded.sock", syscall.ENOENT, client.ErrUnreachable, "systemctl start noded"},
		{"/run/noded/noded.sock", syscall.ECONNREFUSED, client.ErrUnreachable, "systemctl start noded"},
		{"/s", syscall.ENOENT, client.ErrUnreachable, "check --address or NODECTL_ADDRESS"},
		{"/s", syscall.EPROTOTYPE, client.ErrUnreachable, "--address " + client.DefaultAddress},
	}
	for _, tt := range tests {
		err := client.DialError(tt.path, &os.SyscallError{Syscall: "connect", Err: tt.errno})
		if !errors.Is(err, tt.want) || err.Hint() != tt.hint {
			t.Errorf("dialError(%v) = %v, hint %q, want %v, hint %q", tt.errno, err, err.Hint(), tt.want, tt.hint)
		}
	}
}
