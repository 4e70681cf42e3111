// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"syscall"

	"github.com/coreos/go-systemd/v22/sdjournal"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
)

const (
	// maxFieldNames bounds the number of names in a listing.
	maxFieldNames = 1 << 20
	// maxValues bounds the number of values that are remembered to give each once.
	maxValues = 1 << 23
	// checkEvery is after how many values the context is looked at.
	checkEvery = 256
)

// Names and values are listed file by file, each opened on its own. libsystemd can do it for all at once, but a list that
// leads back to itself, in a damaged file, then keeps it busy for ever inside of one call; and one
// damaged file would end the listing of all.

// FieldNames implements journal.Reader.
func (r *reader) FieldNames(ctx context.Context) ([]string, error) {
	var names []string
	seen := make(map[string]bool)
	err := r.eachFile(ctx, func(h *handle, _ *journalfile.Header) (bool, error) {
		inFile := make(map[string]bool)
		h.restartFields()
		for len(names) < maxFieldNames {
			name, err := h.nextField()
			if err != nil || name == "" {
				return true, err
			}
			if inFile[name] {
				return true, errLoop
			}
			inFile[name] = true
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
		return false, fmt.Errorf("more than %d names", maxFieldNames)
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
	if len(name) >= 2 && name[:2] == "__" && r.h != nil {
		return nil // address fields are no fields of files
	}
	v := values{name: name, yield: yield, seed: maphash.MakeSeed(), seen: make(map[uint64]struct{})}
	err := r.eachFile(ctx, func(h *handle, header *journalfile.Header) (bool, error) { return v.list(ctx, h, header) })
	if err != nil {
		return fmt.Errorf("list values of %s: %w", name, err)
	}
	return nil
}

// values gives each value once.
type values struct {
	name  string
	yield func([]byte) bool
	seed  maphash.Seed
	seen  map[uint64]struct{}
	buf   []byte
}

// list gives the values in one file that no file before it had. It reports whether to go on with the next.
func (v *values) list(ctx context.Context, h *handle, header *journalfile.Header) (bool, error) {
	if err := h.queryUnique(v.name); err != nil {
		return true, err
	}
	for n, limit := uint64(0), valuesIn(header); ; n++ {
		if n%checkEvery == 0 && ctx.Err() != nil {
			return false, ctx.Err()
		}
		item, err := h.nextUnique(v.buf)
		tooLarge := errors.Is(err, syscall.E2BIG)
		if err != nil && !tooLarge || err == nil && item == nil {
			return true, err
		}
		if n >= limit {
			// A writer may have added some meanwhile.
			now, err := journalfile.ReadHeader(header.Path)
			if limit = valuesIn(&now); err != nil || n >= limit {
				return true, errLoop
			}
		}
		if tooLarge {
			continue
		}
		v.buf = item[:0]
		if len(item) <= len(v.name) {
			continue
		}
		if len(v.seen) >= maxValues {
			return false, fmt.Errorf("more than %d values", maxValues)
		}
		hash := maphash.Bytes(v.seed, item)
		if _, ok := v.seen[hash]; ok {
			continue
		}
		v.seen[hash] = struct{}{}
		if !v.yield(item[len(v.name)+1:]) {
			return false, nil
		}
	}
}

// valuesIn is the largest number of values that a file of this header can have.
func valuesIn(h *journalfile.Header) uint64 {
	if h.Data > 0 {
		return h.Data
	}
	// The first version of the format does not count them.
	const smallest = 64
	return h.SizeBytes / smallest
}

// errLoop: a list of the file has more items than the file.
var errLoop = fmt.Errorf("a list leads back to itself: %w", journalfile.ErrCorrupt)

// eachFile calls f for each file of the source, opened on its own, until f returns false. A file for which it returns an error and
// true is noted as damaged. That is an error only if it is so for all.
func (r *reader) eachFile(ctx context.Context, f func(h *handle, header *journalfile.Header) (bool, error)) error {
	if r.h == nil {
		return errClosed
	}
	var bad error
	good := false
	for _, path := range r.origin.set.DiskOrder() {
		if err := ctx.Err(); err != nil {
			return err
		}
		header, err := journalfile.ReadHeader(path)
		if err != nil {
			continue // Problems tells
		}
		more, err := r.withFile(path, func(h *handle) (bool, error) { return f(h, &header) })
		switch {
		case !more:
			return err
		case err == nil:
			good = true
		case !errors.Is(err, fs.ErrNotExist):
			bad = fmt.Errorf("journal file %q: %w", path, err)
			r.origin.set.Note(path, bad)
		}
	}
	if good {
		return nil
	}
	return bad
}

// withFile calls f with the file opened.
func (r *reader) withFile(path string, f func(h *handle) (bool, error)) (bool, error) {
	j, err := sdjournal.NewJournalFromFiles(path)
	if err != nil {
		return true, errnoOf(err)
	}
	h, err := newHandle(r.origin.lib, r.origin.maxEntry, j)
	if err != nil {
		return true, err
	}
	more, err := f(h)
	if closeErr := h.close(); err == nil && closeErr != nil {
		return false, fmt.Errorf("close journal: %w", closeErr)
	}
	return more, err
}
