// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journaltest"
)

// TestWriteHeader: the text is that of journalctl --header.
func TestWriteHeader(t *testing.T) {
	t.Parallel()
	for _, f := range journaltest.Corpus(t) {
		for _, path := range f.Files {
			if slices.Contains(f.Bad, path) {
				continue
			}
			want, err := exec.Command("journalctl", "--header", "--file="+path).Output()
			if err != nil {
				t.Fatal(err)
			}
			h, err := journalfile.ReadHeader(path)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := journalfile.WriteHeader(&got, &h); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("WriteHeader(%s) (-journalctl +ours):\n%s", path, diff)
			}
		}
	}
}

func TestVerifyGood(t *testing.T) {
	t.Parallel()
	for _, f := range journaltest.Corpus(t) {
		for _, path := range f.Files {
			if slices.Contains(f.Bad, path) {
				continue
			}
			if err := journalfile.Verify(t.Context(), path); err != nil {
				t.Errorf("Verify(%s): %v", path, err)
			}
		}
	}
}

func TestBadFiles(t *testing.T) {
	t.Parallel()
	truncated := journaltest.Get(t, "truncated").Dir
	fifo := filepath.Join(t.TempDir(), "fifo.journal")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]struct {
		err    error
		reason journal.GapReason
	}{
		filepath.Join(truncated, "cut.journal"):                        {journalfile.ErrTruncated, journal.GapTruncated},
		filepath.Join(truncated, "garbage.journal"):                    {journalfile.ErrCorrupt, journal.GapCorrupt},
		filepath.Join(truncated, "flag.journal"):                       {journalfile.ErrUnknownFlags, journal.GapUnsupported},
		filepath.Join(journaltest.Get(t, "empty").Dir, "zero.journal"): {journalfile.ErrTruncated, journal.GapTruncated},
		filepath.Join(journaltest.Get(t, "empty").Dir, "none.journal"): {fs.ErrNotExist, journal.GapVacuumed},
		fifo: {journalfile.ErrCorrupt, journal.GapCorrupt},
	} {
		for name, check := range map[string]func(string) error{
			"ReadHeader": func(path string) error { _, err := journalfile.ReadHeader(path); return err },
			"Verify":     func(path string) error { return journalfile.Verify(t.Context(), path) },
		} {
			err := check(path)
			if !errors.Is(err, want.err) || journalfile.GapReason(err) != want.reason {
				t.Errorf("%s(%s) = %v (%v), want %v (%v)", name, path, err, journalfile.GapReason(err), want.err, want.reason)
			}
			var format *journalfile.FormatError
			if errors.As(err, &format) && format.Path != path {
				t.Errorf("%s(%s): the error names %q", name, path, format.Path)
			}
		}
	}
}

// used returns the content of a fixture's file up to its last object's end, and its header.
func used(t testing.TB, name string) ([]byte, journalfile.Header) {
	t.Helper()
	path := journaltest.Get(t, name).Files[0]
	h, err := journalfile.ReadHeader(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b, h
}

// TestFlippedByte: no byte of an object changes without Verify noticing, but those
// that nothing else in the file says: times and boots of entries, and padding of values.
func TestFlippedByte(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(7, 7))
	for _, name := range []string{"unkeyed", "regular", "basic"} {
		b, h := used(t, name)
		path := filepath.Join(t.TempDir(), "flipped.journal")
		tables := h.DataHashTableOffset + h.DataHashTableSize
		missed := 0
		const flips = 150
		for range flips {
			at := tables + random.Uint64N(h.TailObjectOffset-tables)
			changed := bytes.Clone(b)
			changed[at] ^= 1 << random.IntN(8)
			if err := os.WriteFile(path, changed, 0o600); err != nil {
				t.Fatal(err)
			}
			if journalfile.Verify(t.Context(), path) == nil {
				missed++
			}
		}
		// Realtime, monotonic and boot id are 32 bytes of an entry of more than 64.
		if missed > flips/5 {
			t.Errorf("%s: %d of %d flipped bytes were not noticed", name, missed, flips)
		}
	}
}

func FuzzReadHeader(f *testing.F) {
	b, _ := used(f, "basic")
	f.Add(b[:272])
	f.Add(b[:100])
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "fuzz.journal")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := journalfile.ReadHeader(path)
		if err == nil && h.HeaderSize+h.ArenaSize > uint64(len(content)) {
			t.Errorf("accepted a header of %d + %d bytes in a file of %d", h.HeaderSize, h.ArenaSize, len(content))
		}
		// Headers that were refused can be printed, too.
		if err := journalfile.WriteHeader(&bytes.Buffer{}, &h); err != nil {
			t.Error(err)
		}
	})
}

// FuzzVerify: whatever is written somewhere into a good file, Verify ends without a panic, and says what
// is wrong by a FormatError.
func FuzzVerify(f *testing.F) {
	for i, name := range []string{"repeated", "oldest"} {
		_, h := used(f, name)
		f.Add(i == 0, uint32(88), []byte{1, 2, 3})
		f.Add(i == 0, uint32(136), []byte{0xff, 0xff})
		f.Add(i == 0, uint32(h.TailObjectOffset), []byte{6, 0, 0, 0, 0, 0, 0, 0, 0xff})
	}
	compact, _ := used(f, "repeated")
	regular, _ := used(f, "unkeyed")
	f.Fuzz(func(t *testing.T, isCompact bool, at uint32, change []byte) {
		b := regular
		if isCompact {
			b = compact
		}
		o := overlay{b: b, at: int64(at) % int64(len(b)), change: change}
		err := journalfile.VerifyAt(t.Context(), o, uint64(len(b)))
		var format *journalfile.FormatError
		if err != nil && !errors.As(err, &format) {
			t.Errorf("Verify: %v, want a FormatError", err)
		}
	})
}

// overlay is content with a change at an offset.
type overlay struct {
	b      []byte
	at     int64
	change []byte
}

func (o overlay) ReadAt(p []byte, off int64) (int, error) {
	n, err := bytes.NewReader(o.b).ReadAt(p, off)
	for i, c := range o.change {
		if at := o.at + int64(i) - off; at >= 0 && at < int64(n) {
			p[at] = c
		}
	}
	return n, err
}
