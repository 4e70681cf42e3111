// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package engines

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journaltest"
	"github.com/noded/noded/journal/sdjournal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNames(t *testing.T) {
	t.Parallel()
	for _, name := range Names() {
		engine, err := New(name)
		if err != nil || engine.Name() != name {
			t.Errorf("New(%q) = %v, %v", name, engine, err)
		}
	}
	if _, err := New("rust"); err == nil {
		t.Error("New(rust): no error")
	}
}

// old is an engine that does not know the features of the files in the directory unknown.
type old struct{ unknown string }

func (old) Name() string { return "old" }

func (o old) Open(ctx context.Context, source journal.Source) (journal.Reader, error) {
	r, err := sdjournal.New().Open(ctx, journal.Source{Directory: source.Directory})
	return &oldReader{Reader: r, unknown: o.unknown}, err
}

type oldReader struct {
	journal.Reader
	unknown string
	told    int
}

func (r *oldReader) Problems() []journal.FileProblem {
	paths, err := filepath.Glob(filepath.Join(r.unknown, "*.journal"))
	if err != nil {
		return nil
	}
	problems := r.Reader.Problems()
	for _, path := range paths {
		problems = append(problems, journal.FileProblem{
			Path: path, Reason: journal.GapUnsupported,
			Err: &journalfile.FormatError{Path: path, Object: "header", Err: fmt.Errorf("%w: 0x40", journalfile.ErrUnknownFlags)},
		})
	}
	return problems
}

// Wait tells of the files that come to the other directory, too.
func (r *oldReader) Wait(ctx context.Context) (journal.Change, error) {
	for {
		if n := len(r.Problems()); n != r.told {
			r.told = n
			return journal.ChangeFiles, nil
		}
		short, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
		change, err := r.Reader.Wait(short)
		cancel()
		if ctx.Err() != nil || change != journal.ChangeNone || err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return change, err
		}
	}
}

// current is an engine that reads both directories.
type current struct{ unknown string }

func (current) Name() string { return "current" }

func (c current) Open(ctx context.Context, source journal.Source) (journal.Reader, error) {
	files, err := filepath.Glob(filepath.Join(source.Directory, "*.journal"))
	if err != nil {
		return nil, err
	}
	more, err := filepath.Glob(filepath.Join(c.unknown, "*.journal"))
	if err != nil {
		return nil, err
	}
	return sdjournal.New().Open(ctx, journal.Source{Files: append(files, more...)})
}

// upgrade is a journal whose newer part only one of two engines can read.
type upgrade struct {
	t            *testing.T
	dir, unknown string
	engine       journal.Engine
	sequence     journal.ID128
	boot         journal.ID128
}

func newUpgrade(t *testing.T) *upgrade {
	t.Helper()
	u := &upgrade{t: t, dir: t.TempDir(), unknown: t.TempDir(), sequence: journal.ID128{1}, boot: journal.ID128{2}}
	u.engine = &auto{native: old{u.unknown}, libsystemd: current{u.unknown}}
	u.write(filepath.Join(u.dir, "a.journal"), 1, 100)
	return u
}

// write makes a file of the entries with these numbers.
func (u *upgrade) write(path string, first, last uint64) {
	u.t.Helper()
	var entries []journaltest.Entry
	for n := first; n <= last; n++ {
		entries = append(entries, journaltest.Entry{
			Realtime: journal.Usec(1_700_000_000_000_000 + n*1000), Monotonic: journal.Usec(n * 1000), BootID: u.boot,
			Fields: []journal.Field{
				{Name: "MESSAGE", Value: fmt.Appendf(nil, "entry %d", n)},
				{Name: "KIND", Value: fmt.Append(nil, n%2)},
			},
		})
	}
	aside := filepath.Join(u.t.TempDir(), "new")
	journaltest.Write(u.t, aside+".journal", journaltest.Options{SeqnumID: u.sequence, FirstSeqnum: first}, entries)
	if err := os.Rename(aside+".journal", path); err != nil {
		u.t.Fatal(err)
	}
}

func (u *upgrade) grow() { u.write(filepath.Join(u.unknown, "b.journal"), 101, 150) }

func (u *upgrade) open() journal.Reader {
	u.t.Helper()
	r, err := u.engine.Open(u.t.Context(), journal.Source{Directory: u.dir})
	if err != nil {
		u.t.Fatal(err)
	}
	u.t.Cleanup(func() {
		if err := r.Close(); err != nil {
			u.t.Errorf("Close: %v", err)
		}
	})
	return r
}

func inUse(t *testing.T, r journal.Reader) string {
	t.Helper()
	named, ok := r.(interface{ EngineName() string })
	if !ok {
		t.Fatalf("%T has no EngineName", r)
	}
	return named.EngineName()
}

// numbers steps until the end.
func numbers(t *testing.T, step func() (journal.Entry, error)) []uint64 {
	t.Helper()
	var got []uint64
	for {
		e, err := step()
		if errors.Is(err, io.EOF) {
			return got
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Header().Seqnum)
	}
}

func count(first, last, by uint64) []uint64 {
	var n []uint64
	for ; first <= last; first += by {
		n = append(n, first)
	}
	return n
}

func TestOpen(t *testing.T) {
	t.Parallel()
	u := newUpgrade(t)
	if got := inUse(t, u.open()); got != "old" {
		t.Errorf("the engine is %q, want old: it knows all files", got)
	}
	u.grow()
	r := u.open()
	if got := inUse(t, r); got != "current" {
		t.Errorf("the engine is %q, want current: old does not know a file", got)
	}
	if err := r.Seek(journal.Head()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(count(1, 150, 1), numbers(t, r.Next)); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	usage, err := (&journal.Local{Engine: u.engine, Source: journal.Source{Directory: u.dir}}).Usage(t.Context())
	if err != nil || usage.Engine != "current" {
		t.Errorf("Usage: engine %q, %v, want current", usage.Engine, err)
	}
}

// TestChange: a follower goes on with the other engine where it was.
func TestChange(t *testing.T) {
	t.Parallel()
	even := journal.Match{{{{Field: "KIND", Value: "0"}}}}
	tests := []struct {
		name  string
		match journal.Match
		// go1 brings the reader to its end before the files come.
		go1  func(t *testing.T, r journal.Reader)
		want []uint64
	}{
		{"on the last entry", nil, func(t *testing.T, r journal.Reader) { numbers(t, r.Next) }, count(101, 150, 1)},
		{"with a match", even, func(t *testing.T, r journal.Reader) { numbers(t, r.Next) }, count(102, 150, 2)},
		{"nothing matched", journal.Match{{{{Field: "KIND", Value: "2"}}}}, func(t *testing.T, r journal.Reader) { numbers(t, r.Next) }, nil},
		{"in the middle", nil, func(t *testing.T, r journal.Reader) {
			if _, _, err := r.Skip(50); err != nil {
				t.Fatal(err)
			}
		}, count(51, 150, 1)},
		{"from the end", nil, func(t *testing.T, r journal.Reader) {
			if err := r.Seek(journal.Tail()); err != nil {
				t.Fatal(err)
			}
			if _, err := r.Previous(); err != nil {
				t.Fatal(err)
			}
		}, count(101, 150, 1)},
		{"at the end, on nothing", even, func(t *testing.T, r journal.Reader) {
			if err := r.Seek(journal.Tail()); err != nil {
				t.Fatal(err)
			}
			numbers(t, r.Next)
		}, count(102, 150, 2)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u := newUpgrade(t)
			r := u.open()
			if err := errors.Join(r.SetMatch(tt.match), r.Seek(journal.Head())); err != nil {
				t.Fatal(err)
			}
			tt.go1(t, r)
			u.grow()
			for inUse(t, r) != "current" {
				if _, err := r.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tt.want, numbers(t, r.Next)); diff != "" {
				t.Errorf("after the change (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEntryGone: the entry that the reader stood on is vacuumed while the engine changes.
func TestEntryGone(t *testing.T) {
	t.Parallel()
	u := newUpgrade(t)
	r := u.open()
	if err := r.Seek(journal.Head()); err != nil {
		t.Fatal(err)
	}
	numbers(t, r.Next)
	if err := os.Remove(filepath.Join(u.dir, "a.journal")); err != nil {
		t.Fatal(err)
	}
	u.grow()
	for inUse(t, r) != "current" {
		if _, err := r.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(count(101, 150, 1), numbers(t, r.Next)); diff != "" {
		t.Errorf("after the change (-want +got):\n%s", diff)
	}
}

// follower ends a read when it has as many entries as it wants.
type follower struct {
	got    []uint64
	caught func()
	want   int
	done   context.CancelFunc
}

func (f *follower) Entry(e journal.Entry) error {
	if f.got = append(f.got, e.Header().Seqnum); len(f.got) == f.want {
		f.done()
	}
	return nil
}

func (f *follower) Gap(g journal.Gap) error {
	if g.Reason == journal.GapUnsupported {
		return nil
	}
	return fmt.Errorf("gap: %+v", g)
}

func (f *follower) Progress(p journal.Progress) error {
	if p.CaughtUp && f.caught != nil {
		f.caught()
		f.caught = nil
	}
	return nil
}

// TestFollow: a read with Follow loses nothing and repeats nothing.
func TestFollow(t *testing.T) {
	t.Parallel()
	u := newUpgrade(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := &follower{caught: u.grow, want: 150, done: cancel}
	q := journal.NewQuery()
	q.Follow, q.Lines = true, journal.LinesAll
	local := &journal.Local{Engine: u.engine, Source: journal.Source{Directory: u.dir}}
	if err := local.Read(ctx, q, f); !errors.Is(err, context.Canceled) {
		t.Fatalf("Read: %v", err)
	}
	if diff := cmp.Diff(count(1, 150, 1), f.got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// TestRefused: neither engine knows the feature, or there is no other engine: the file is a problem, the rest is read.
func TestRefused(t *testing.T) {
	t.Parallel()
	dir := journaltest.Get(t, "truncated").Dir
	for name, other := range map[string]journal.Engine{"libsystemd": sdjournal.New(), "none": missing{}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engine := &auto{native: sdjournal.New(), libsystemd: other}
			r, err := engine.Open(t.Context(), journal.Source{Directory: dir})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if opened, ok := r.(*reader); !ok || opened.left != nil || len(opened.refused) != 1 {
				t.Errorf("the reader is %+v, want the first engine's, with one file refused", r)
			}
			if len(unknown(r)) != 1 {
				t.Errorf("problems: %v, want the file with the unknown flag", r.Problems())
			}
			if err := r.Seek(journal.Head()); err != nil {
				t.Fatal(err)
			}
			if len(numbers(t, r.Next)) == 0 {
				t.Error("no entries")
			}
		})
	}
}

// missing is an engine that is not there.
type missing struct{}

func (missing) Name() string { return "missing" }

func (missing) Open(context.Context, journal.Source) (journal.Reader, error) {
	return nil, journal.ErrUnsupported
}

// TestOnlyLibsystemd: where the first engine does not work at all, the other is used.
func TestOnlyLibsystemd(t *testing.T) {
	t.Parallel()
	source := journal.Source{Directory: journaltest.Get(t, "basic").Dir}
	r, err := (&auto{native: missing{}, libsystemd: sdjournal.New()}).Open(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := inUse(t, r); got != Libsystemd {
		t.Errorf("the engine is %q, want %q", got, Libsystemd)
	}
	if _, err := (&auto{native: missing{}, libsystemd: missing{}}).Open(t.Context(), source); !errors.Is(err, journal.ErrUnsupported) {
		t.Errorf("no engine: %v, want ErrUnsupported", err)
	}
}
