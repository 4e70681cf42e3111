// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/noded/noded/journal"
)

// SmallFiles returns the content of a file of each variant, by its name, each of a few KiB: enough for every kind of object,
// chains in the hash tables, and chains of entry arrays.
func SmallFiles(t testing.TB) map[string][]byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "small.journal")
	files := map[string][]byte{}
	for _, v := range Variants() {
		o := v.Options
		o.Increase, o.DataBuckets, o.FieldBuckets = 8, min(max(o.DataBuckets, 5), 7), 3
		if o.Compression != 0 {
			o.Threshold = 60
		}
		o.TagEvery = 3
		if err := WriteFile(path, o, small()); err != nil {
			t.Fatal(err)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files[v.Name] = content
	}
	return files
}

// Patch returns the content with some numbers changed, mostly to what could be offsets in a small file. Each five bytes of
// patches are a place, what to do there, and a number; so a fuzzer finds its way.
func Patch(content, patches []byte) []byte {
	content = slices.Clone(content)
	le := binary.LittleEndian
	for ; len(patches) >= 5; patches = patches[5:] {
		at := (int(patches[0])<<8 | int(patches[1])) % (len(content) - 8)
		v := uint64(patches[3])<<8 | uint64(patches[4])
		switch patches[2] % 6 {
		case 0:
			content[at] = byte(v)
		case 1:
			le.PutUint64(content[at&^7:], v)
		case 2:
			le.PutUint32(content[at&^3:], uint32(v&^7))
		case 3:
			le.PutUint64(content[at&^7:], v&^7)
		case 4:
			le.PutUint64(content[at&^7:], -v)
		case 5:
			copy(content[at&^7:], content[v%uint64(len(content)-8)&^7:][:8])
		}
	}
	return content
}

// small are few entries.
func small() []Entry {
	return timeline(8, id(0xb1), epoch, func(i int) []journal.Field {
		fields := []journal.Field{F("_PID", fmt.Sprint(i%2)), F("PRIORITY", "6")}
		if i%2 == 0 {
			fields = append(fields, F("TAG", "a"), F("TAG", fmt.Sprint(i)))
		}
		if i == 3 {
			return append(fields, F("MESSAGE", "compressible, compressible, compressible, compressible, compressible, compressible"))
		}
		return append(fields, F("MESSAGE", fmt.Sprint("message ", i%5)))
	})
}

// Exercised is what Exercise saw.
type Exercised struct {
	// Forward and Backward are the entries in both directions, Fields the number of all their fields.
	Forward, Backward []journal.Header
	Fields            int
	// Matched is how many entries had a value of their first entry, Counted how many of Forward have it.
	Matched, Counted int
	// Names and Values count what the lists of fields and values gave.
	Names, Values int
	// Errors are what the reader returned besides io.EOF, in whatever call.
	Errors []error
}

// maxExercise bounds the entries, names and values that a small file can have.
const maxExercise = 1 << 17

// Exercise does everything with the source that a reader can do at once. Damage is no error: it is for files that may hold
// anything. The error is that the reader goes on for ever.
func Exercise(ctx context.Context, engine journal.Engine, source journal.Source) (Exercised, error) {
	var x Exercised
	r, err := engine.Open(ctx, source)
	if err != nil {
		x.Errors = append(x.Errors, err)
		return x, nil
	}
	defer r.Close()
	var term journal.Term
	count := func(e journal.Entry) {
		fields, err := e.AppendFields(nil, nil)
		x.note(err)
		x.Fields += len(fields)
		if term.Field == "" && len(fields) > 0 {
			f := fields[len(fields)-1]
			term = journal.Term{Field: f.Name, Value: string(f.Value)}
		}
		if slices.ContainsFunc(fields, func(f journal.Field) bool { return f.Name == term.Field && string(f.Value) == term.Value }) {
			x.Counted++
		}
		_, _, err = e.Split(nil, nil)
		x.note(err)
		if _, err := e.Lookup("MESSAGE"); !errors.Is(err, journal.ErrNoField) {
			x.note(err)
		}
	}
	if x.Forward, err = x.pass(r, journal.Head(), r.Next, count); err != nil {
		return x, err
	}
	if x.Backward, err = x.pass(r, journal.Tail(), r.Previous, func(journal.Entry) {}); err != nil {
		return x, err
	}
	if err := x.matches(r, term); err != nil {
		return x, err
	}
	x.seeks(r)
	if err := x.lists(ctx, r); err != nil {
		return x, err
	}
	_, err = r.Tails()
	x.note(err)
	_, err = r.Files()
	x.note(err)
	for _, p := range r.Problems() {
		x.note(p.Err)
	}
	return x, nil
}

func (x *Exercised) note(err error) {
	if err != nil && len(x.Errors) < 100 {
		x.Errors = append(x.Errors, err)
	}
}

// pass reads from a place to the end.
func (x *Exercised) pass(r journal.Reader, from journal.Position, step func() (journal.Entry, error), visit func(journal.Entry)) ([]journal.Header, error) {
	x.note(r.Seek(from))
	var headers []journal.Header
	for {
		e, err := step()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				x.note(err)
			}
			return headers, nil
		}
		headers = append(headers, e.Header())
		if len(headers) > maxExercise {
			return headers, fmt.Errorf("more than %d entries", maxExercise)
		}
		visit(e)
	}
}

// matches reads with several matches, the last of them that for the term.
func (x *Exercised) matches(r journal.Reader, term journal.Term) error {
	if !journal.ValidFieldName(term.Field) {
		return nil
	}
	other := journal.Term{Field: "PRIORITY", Value: "6"}
	for _, m := range []journal.Match{
		{{{other, term}}},
		{{{other}, {term}, {{Field: "NONE", Value: "x"}}}},
		{{{other}}, {{term}}, {{}}},
		{{{term}}},
	} {
		x.note(r.SetMatch(m))
		forward, err := x.pass(r, journal.Head(), r.Next, func(journal.Entry) {})
		if err != nil {
			return err
		}
		if _, err := x.pass(r, journal.Tail(), r.Previous, func(journal.Entry) {}); err != nil {
			return err
		}
		x.Matched = len(forward)
	}
	x.note(r.SetMatch(nil))
	return nil
}

// seeks goes to some places, and some steps from there.
func (x *Exercised) seeks(r journal.Reader) {
	places := []journal.Position{journal.AtRealtime(0), journal.AtRealtime(1 << 62), journal.AtCursor("i=1"), journal.AtCursor("t=7")}
	for i, h := range x.Forward {
		if i%3 == 0 && i < 30 {
			places = append(places, journal.AtCursor(h.Cursor()), journal.AtRealtime(h.Realtime))
		}
	}
	for _, p := range places {
		if err := r.Seek(p); !errors.Is(err, journal.ErrBadCursor) {
			x.note(err)
		}
		for _, n := range []int64{1, -1, 3, -2, 1 << 40, -1 << 40} {
			if _, _, err := r.Skip(n); !errors.Is(err, io.EOF) {
				x.note(err)
			}
		}
	}
}

// lists asks for all names and their values.
func (x *Exercised) lists(ctx context.Context, r journal.Reader) error {
	names, err := r.FieldNames(ctx)
	x.note(err)
	x.Names = len(names)
	if len(names) > maxExercise {
		return fmt.Errorf("more than %d names", maxExercise)
	}
	for _, name := range append(names[:min(len(names), 40):min(len(names), 40)], "NONE") {
		n := 0
		x.note(r.FieldValues(ctx, name, func([]byte) bool {
			n++
			return n <= maxExercise
		}))
		if n > maxExercise {
			return fmt.Errorf("more than %d values", maxExercise)
		}
		x.Values += n
	}
	return nil
}
