// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journalfile/compress"
	"github.com/noded/noded/journal/journaltest"
)

// seen is all that a walk over a file gives.
type seen struct {
	Forward, Backward, Matched []uint64
	Payloads                   int
	Names, Values              int
	Places                     []uint64
	// Failed is the number of errors, First the first of them.
	Failed int
	First  string
}

// walk reads all of a file in every way.
func walk(t *testing.T, path string, o journalfile.Options) seen {
	t.Helper()
	var s seen
	var decoder compress.Decoder
	defer decoder.Close()
	o.Decoder = &decoder
	f, err := journalfile.Open(path, o)
	if err != nil {
		s.fail(err)
		return s
	}
	defer f.Close()
	s.Forward = s.pass(t, f, nil, true)
	s.Backward = s.pass(t, f, nil, false)
	var e journalfile.Entry
	for _, offset := range s.Forward {
		s.fail(f.ReadEntry(offset, &e))
		for i := range e.Items() {
			s.data(f, e.Item(i), &decoder)
		}
	}
	s.Matched = s.pass(t, f, journal.Match{{{{Field: "TAG", Value: "a"}, {Field: "PRIORITY", Value: "6"}}, {{Field: "_PID", Value: "1"}}}}, true)
	for _, find := range []func() (uint64, error){
		func() (uint64, error) { return f.FindSeqnum(3) },
		func() (uint64, error) { return f.FindRealtime(e.Realtime) },
		func() (uint64, error) { at, _, err := f.FindMonotonic(e.BootID, e.Monotonic); return at, err },
	} {
		at, err := find()
		s.fail(err)
		s.Places = append(s.Places, at)
	}
	s.lists(f)
	s.fail(f.Refresh())
	return s
}

func (s *seen) fail(err error) {
	if err == nil {
		return
	}
	if s.Failed == 0 {
		s.First = err.Error()
	}
	s.Failed++
}

// pass returns the offsets of all entries that match, in one direction.
func (s *seen) pass(t *testing.T, f *journalfile.File, m journal.Match, down bool) []uint64 {
	t.Helper()
	const maxSteps = 1 << 18
	var offsets []uint64
	matcher := f.Matcher(m)
	at := uint64(0)
	if !down {
		at = journalfile.End
	}
	var e journalfile.Entry
	for range maxSteps {
		found, err := matcher.Seek(at, down)
		s.fail(err)
		if err != nil || found == 0 {
			return offsets
		}
		if down && found < at || !down && found > at {
			t.Fatalf("Seek(%d, %v) = %d", at, down, found)
		}
		if err := f.ReadEntry(found, &e); err == nil {
			offsets = append(offsets, found)
		} else if s.fail(err); !f.Skip(found, err) {
			return offsets
		}
		at = found + 1
		if !down {
			at = found - 1
		}
	}
	t.Fatalf("more than %d entries", maxSteps)
	return nil
}

// data reads one data object.
func (s *seen) data(f *journalfile.File, offset uint64, decoder *compress.Decoder) {
	var d journalfile.Data
	if err := f.ReadData(offset, &d); err != nil {
		s.fail(err)
		return
	}
	payload, err := decoder.Append(nil, d.Compression, d.Payload, 4<<20)
	// Verify does not look at xz, lz4 and very large values.
	if d.Compression == compress.None || d.Compression == compress.ZSTD && !errors.Is(err, compress.ErrTooLarge) {
		s.fail(err)
	}
	s.Payloads += len(payload)
}

// lists reads the names of all fields and their values.
func (s *seen) lists(f *journalfile.File) {
	var names []string
	s.fail(f.FieldNames(func(name []byte) bool {
		s.Names++
		if len(names) < 30 {
			names = append(names, string(name))
		}
		return true
	}))
	for _, name := range names {
		s.fail(f.FieldValues(name, func(*journalfile.Data) bool { s.Values++; return true }))
	}
}

// FuzzFile: whatever the bytes are, reading ends soon; mapped and not it gives the same; and if Verify finds nothing wrong,
// backwards is the reverse of forwards, and nothing fails.
func FuzzFile(f *testing.F) {
	for _, content := range journaltest.SmallFiles(f) {
		f.Add(content)
	}
	path := filepath.Join(f.TempDir(), "fuzz.journal")
	f.Fuzz(func(t *testing.T, content []byte) { checkBytes(t, path, content) })
}

// FuzzPatches is FuzzFile for good files of which some numbers were changed, mostly to what could be offsets.
func FuzzPatches(f *testing.F) {
	files := journaltest.SmallFiles(f)
	names := slices.Sorted(maps.Keys(files))
	for i := range names {
		f.Add(byte(i), []byte{0, 152, 1, 0, 9}) // the number of entries
		f.Add(byte(i), []byte{0, 176, 3, 1, 8, 2, 0, 3, 2, 0})
	}
	path := filepath.Join(f.TempDir(), "fuzz.journal")
	f.Fuzz(func(t *testing.T, variant byte, patches []byte) {
		content := journaltest.Patch(files[names[int(variant)%len(names)]], patches)
		checkBytes(t, path, content)
	})
}

// checkBytes checks the properties of a file with that content.
func checkBytes(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	mapped := walk(t, path, journalfile.Options{})
	unmapped := walk(t, path, journalfile.Options{Unmapped: true})
	if diff := cmp.Diff(mapped, unmapped); diff != "" {
		t.Errorf("unmapped it reads differently (-mapped +unmapped):\n%s", diff)
	}
	err := journalfile.Verify(t.Context(), path)
	if slices.Reverse(mapped.Backward); err == nil {
		if diff := cmp.Diff(mapped.Forward, mapped.Backward); diff != "" || mapped.Failed > 0 {
			t.Errorf("a good file: %d failures (%s), backwards differs (-forward +backward):\n%s", mapped.Failed, mapped.First, diff)
		}
	}
	if took := time.Since(begin); took > 30*time.Second { // on a busy machine
		t.Errorf("%d bytes took %v", len(content), took)
	}
}
