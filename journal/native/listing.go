// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package native

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journalfile/compress"
)

const (
	// maxFieldNames bounds the number of names in a listing.
	maxFieldNames = 1 << 20
	// maxValues bounds the number of values that are remembered to give each once.
	maxValues = 1 << 23
	// checkEvery is after how many values the context is looked at.
	checkEvery = 256
)

// FieldNames implements journal.Reader.
func (r *reader) FieldNames(ctx context.Context) ([]string, error) {
	var names []string
	seen := make(map[string]bool)
	err := r.eachFile(ctx, func(f *journalfile.File) (more bool, err error) {
		err = f.FieldNames(func(name []byte) bool {
			if !seen[string(name)] && len(names) < maxFieldNames {
				seen[string(name)] = true
				names = append(names, string(name))
			}
			return len(names) < maxFieldNames
		})
		if len(names) >= maxFieldNames {
			return false, fmt.Errorf("more than %d names", maxFieldNames)
		}
		return true, err
	})
	if err != nil {
		return names, fmt.Errorf("list field names: %w", err)
	}
	return names, nil
}

// FieldValues implements journal.Reader.
func (r *reader) FieldValues(ctx context.Context, name string, yield func(value []byte) bool) error {
	if !journal.ValidFieldName(name) {
		return &journal.QueryError{Field: "field", Value: name, Reason: "field names are upper-case letters, digits and underscores"}
	}
	if r.closed {
		return errClosed
	}
	v := values{reader: r, prefix: []byte(name + "="), yield: yield, seed: maphash.MakeSeed(), seen: make(map[uint64]struct{})}
	err := r.eachFile(ctx, func(f *journalfile.File) (bool, error) {
		n := 0
		v.err = nil
		err := f.FieldValues(name, func(d *journalfile.Data) bool {
			if n++; n%checkEvery == 0 && ctx.Err() != nil {
				v.err = ctx.Err()
				return false
			}
			return v.give(d)
		})
		if v.err != nil {
			return false, v.err
		}
		return !v.done, err
	})
	if err != nil {
		return fmt.Errorf("list values of %s: %w", name, err)
	}
	return nil
}

// values gives each value once.
type values struct {
	reader *reader
	prefix []byte
	yield  func([]byte) bool
	seed   maphash.Seed
	seen   map[uint64]struct{}
	buf    []byte
	done   bool
	err    error
}

// give hands out one value unless it was given before, and reports whether to go on.
func (v *values) give(d *journalfile.Data) bool {
	payload := d.Payload
	if d.Compression != compress.None {
		var err error
		v.buf, err = v.reader.decoder.Append(v.buf[:0], d.Compression, payload, v.reader.engine.maxEntry)
		if err != nil {
			return true // too large, or damaged: the others are still good
		}
		payload = v.buf
	} else if len(payload) > v.reader.engine.maxEntry {
		return true
	}
	value, ok := bytes.CutPrefix(payload, v.prefix)
	if !ok {
		return true
	}
	if len(v.seen) >= maxValues {
		v.err = fmt.Errorf("more than %d values", maxValues)
		return false
	}
	hash := maphash.Bytes(v.seed, value)
	if _, ok := v.seen[hash]; ok {
		return true
	}
	v.seen[hash] = struct{}{}
	if d.Compression == compress.None {
		// The caller may look at it when the file is gone.
		v.buf = append(v.buf[:0], value...)
		value = v.buf
	}
	v.done = !v.yield(value)
	return !v.done
}

// eachFile calls f for each file of the source until it returns false. A file for which it returns an error and
// true is noted as damaged. That is an error only if it is so for all.
func (r *reader) eachFile(ctx context.Context, f func(file *journalfile.File) (bool, error)) error {
	if r.closed {
		return errClosed
	}
	var bad error
	good := false
	for _, path := range r.set.DiskOrder() {
		if err := ctx.Err(); err != nil {
			return err
		}
		more, err := r.withFile(path, f)
		switch {
		case !more:
			return err
		case err == nil:
			good = true
		case !errors.Is(err, fs.ErrNotExist) && journalfile.GapReason(err) == journal.GapCorrupt:
			bad = err
			r.set.Note(path, err)
		}
	}
	if good {
		return nil
	}
	return bad
}

// withFile calls f with the file opened on its own.
func (r *reader) withFile(path string, f func(file *journalfile.File) (bool, error)) (more bool, err error) {
	file, err := journalfile.Open(path, journalfile.Options{Decoder: &r.decoder, Unmapped: r.engine.unmapped})
	if err != nil {
		return true, err
	}
	s := &source{file: file, header: *file.Header()}
	r.open = append(r.open, s)
	more = true
	err = r.guarded(func() (err error) { more, err = f(file); return err })
	return more, errors.Join(err, r.closeFile(s))
}
