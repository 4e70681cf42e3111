// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package digest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/noded/noded/journal"
)

// reader is an engine's reader, and what its fields have told so far.
type reader struct {
	journal.Reader
	name   string
	hasher hasher
	// ids are the digests of fields by their IDs, runs those of runs.
	ids, runs map[uint64]uint64
	buffer    []journal.Field
}

// comparison holds the readers of one scenario, and the model.
type comparison struct {
	s       *scenario
	model   model
	readers []*reader
	random  *rand.Rand
	match   journal.Match
	// read counts entries whose fields were compared.
	read int
}

func compare(ctx context.Context, s *scenario, engines []journal.Engine, seed uint64) (read int, err error) {
	c := &comparison{s: s, model: model{all: s.entries, list: s.entries}, random: rand.New(rand.NewPCG(seed, 3))}
	for _, engine := range engines {
		r, err := engine.Open(ctx, journal.Source{Directory: s.dir})
		if err != nil {
			return 0, fmt.Errorf("%s: %w", engine.Name(), err)
		}
		defer func() {
			if closeErr := r.Close(); closeErr != nil && err == nil {
				err = fmt.Errorf("%s: %w", engine.Name(), closeErr)
			}
		}()
		c.readers = append(c.readers, &reader{
			Reader: r, name: engine.Name(), hasher: s.pool.hasher, ids: map[uint64]uint64{}, runs: map[uint64]uint64{},
		})
	}
	for _, check := range []func() error{
		func() error { return c.pass(nil, true) },
		func() error { return c.pass(nil, false) },
		c.matches,
		func() error { return c.values(ctx) },
		c.tails,
		c.steppedSeeks,
		c.walks,
	} {
		if err := check(); err != nil {
			return c.read, fmt.Errorf("%s in %s: %w", s.name, s.dir, err)
		}
	}
	return c.read, nil
}

// setMatch sets it everywhere.
func (c *comparison) setMatch(m journal.Match) error {
	c.match = m
	c.model.setMatch(m)
	for _, r := range c.readers {
		if err := r.SetMatch(m); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

// pass reads all entries that match.
func (c *comparison) pass(m journal.Match, down bool) error {
	if err := c.setMatch(m); err != nil {
		return err
	}
	step, begin := int64(1), journal.Head()
	c.model.gap(0)
	if !down {
		step, begin = -1, journal.Tail()
		c.model.gap(len(c.model.list))
	}
	if err := c.seek(begin); err != nil {
		return err
	}
	for i := range len(c.model.list) + 1 {
		if err := c.move(step); err != nil {
			return fmt.Errorf("pass with step %d, entry %d, match %v: %w", step, i, m, err)
		}
	}
	return nil
}

func (c *comparison) seek(p journal.Position) error {
	for _, r := range c.readers {
		if err := r.Seek(p); err != nil {
			return fmt.Errorf("%s: seek %v: %w", r.name, p, err)
		}
	}
	return nil
}

// move steps all readers and the model, and compares where they are.
func (c *comparison) move(n int64) error {
	want, wantSteps := c.model.skip(n)
	var first uint64
	for i, r := range c.readers {
		e, steps, err := r.step(n)
		switch {
		case errors.Is(err, io.EOF) && want == nil:
			continue
		case err != nil && want == nil:
			return fmt.Errorf("%s: move by %d: %w, want io.EOF", r.name, n, err)
		case err != nil:
			return fmt.Errorf("%s: move by %d: %w, want %+v", r.name, n, err, want.Header)
		case want == nil:
			return fmt.Errorf("%s: move by %d: %+v, want io.EOF", r.name, n, e.Header())
		}
		if got := e.Header(); got != want.Header || steps != wantSteps {
			return fmt.Errorf("%s: move by %d: %d steps to\n%+v, want %d steps to\n%+v", r.name, n, steps, got, wantSteps, want.Header)
		}
		ordered, err := r.fields(e, want, c.random.IntN(16) == 0)
		if err != nil {
			return fmt.Errorf("%s: move by %d to %+v: %w", r.name, n, want.Header, err)
		}
		if i > 0 && ordered != first && !want.twice {
			return fmt.Errorf("%s: move by %d to %+v: fields are in another order than %s gives", r.name, n, want.Header, c.readers[0].name)
		}
		first = ordered
		c.read++
	}
	return nil
}

// step uses Next and Previous for single steps.
func (r *reader) step(n int64) (journal.Entry, int64, error) {
	switch n {
	case 1:
		e, err := r.Next()
		return e, 1, err
	case -1:
		e, err := r.Previous()
		return e, -1, err
	default:
		return r.Skip(n)
	}
}

// fields reads the fields and compares them with those of the model; closely checks other ways to read them too.
func (r *reader) fields(e journal.Entry, want *entry, closely bool) (ordered uint64, err error) {
	if r.buffer, err = e.AppendFields(r.buffer[:0], nil); err != nil {
		return 0, err
	}
	ordered, set := r.hasher.fields(r.buffer)
	if set != want.set {
		return 0, fmt.Errorf("fields are %s, want %s", text(r.buffer), text(want.list()))
	}
	for _, f := range r.buffer {
		if f.ID == 0 {
			continue
		}
		d := r.hasher.field(f.Name, f.Value)
		if known, ok := r.ids[f.ID]; ok && known != d {
			return 0, fmt.Errorf("field %s=%.100q has an ID of another", f.Name, f.Value)
		}
		r.ids[f.ID] = d
	}
	if closely {
		return ordered, r.closely(e, want, ordered)
	}
	return ordered, nil
}

func (r *reader) closely(e journal.Entry, want *entry, ordered uint64) error {
	all := slices.Clone(r.buffer)
	run, rest, err := e.Split(nil, nil)
	if err != nil {
		return err
	}
	if run != nil {
		d, _ := r.hasher.fields(run.Fields)
		if known, ok := r.runs[run.ID]; ok && known != d {
			return fmt.Errorf("run %d changed", run.ID)
		}
		r.runs[run.ID] = d
		rest = append(slices.Clone(run.Fields), rest...)
	}
	if got, _ := r.hasher.fields(rest); got != ordered {
		return fmt.Errorf("split fields are %s, want %s", text(rest), text(all))
	}
	mask := journal.Mask{"MESSAGE", all[len(all)/2].Name, "NONE"}
	some, err := e.AppendFields(nil, mask)
	if err != nil {
		return err
	}
	selected := slices.DeleteFunc(slices.Clone(all), func(f journal.Field) bool { return !mask.Has(f.Name) })
	gotOrder, _ := r.hasher.fields(some)
	if wantOrder, _ := r.hasher.fields(selected); gotOrder != wantOrder {
		return fmt.Errorf("fields of %v are %s, want %s", mask, text(some), text(selected))
	}
	for _, f := range selected {
		i := slices.IndexFunc(all, func(a journal.Field) bool { return a.Name == f.Name })
		got, err := e.Lookup(f.Name)
		if err != nil || string(got.Value) != string(all[i].Value) {
			return fmt.Errorf("look up %s: %.100q, %w, want %.100q", f.Name, got.Value, err, all[i].Value)
		}
	}
	if _, err := e.Lookup("NONE"); !errors.Is(err, journal.ErrNoField) {
		return fmt.Errorf("look up a field that is not there: %w", err)
	}
	return nil
}

// matches reads with random matches.
func (c *comparison) matches() error {
	for i := range 12 {
		if err := c.pass(randomMatch(c.random, c.s.entries), i%2 == 0); err != nil {
			return err
		}
	}
	return nil
}

// walks goes about at random.
func (c *comparison) walks() error {
	if c.s.tied {
		c.readers = slices.DeleteFunc(c.readers, func(r *reader) bool { return r.name == "libsystemd" })
	}
	for i := range 30 {
		var m journal.Match
		if i%3 > 0 {
			m = randomMatch(c.random, c.s.entries)
		}
		if err := c.setMatch(m); err != nil {
			return err
		}
		for range 10 {
			where, err := c.jump()
			if err != nil {
				return err
			}
			for range c.random.IntN(30) {
				if err := c.move(c.steps()); err != nil {
					return fmt.Errorf("walk after %s, match %v: %w", where, m, err)
				}
			}
		}
	}
	return nil
}

// steppedSeeks seeks to times where the clock stepped. There the place of a time may be in several places, and each engine takes
// the one that its bisection of each file meets; but what comes after it is never earlier than the time, nor what comes before it later.
func (c *comparison) steppedSeeks() error {
	if !c.s.stepped {
		return nil
	}
	if err := c.setMatch(nil); err != nil {
		return err
	}
	for range 100 {
		e := c.s.entries[c.random.IntN(len(c.s.entries))]
		at := e.Realtime + journal.Usec(c.random.IntN(3)) - 1
		down := c.random.IntN(2) == 0
		if err := c.seek(journal.AtRealtime(at)); err != nil {
			return err
		}
		for _, r := range c.readers {
			step := r.Previous
			if down {
				step = r.Next
			}
			found, err := step()
			if errors.Is(err, io.EOF) {
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: seek to %d: %w", r.name, at, err)
			}
			if got := found.Header(); down != (got.Realtime >= at) {
				return fmt.Errorf("%s: seek to %d, down %v: %+v", r.name, at, down, got)
			}
		}
	}
	return nil
}

func (c *comparison) steps() int64 {
	r := c.random
	n := []int64{1, 1, -1, 2, 10, int64(r.IntN(200)), int64(r.IntN(len(c.s.entries)))}[r.IntN(7)]
	if r.IntN(2) == 0 {
		n = -n
	}
	if n == 0 {
		return 1
	}
	return n
}

// jump seeks at random.
func (c *comparison) jump() (string, error) {
	i := c.random.IntN(len(c.s.entries))
	e := c.s.entries[i]
	p := journal.Head()
	switch kind := c.random.IntN(8); {
	case kind == 0:
		c.model.gap(0)
	case kind == 1:
		p = journal.Tail()
		c.model.gap(len(c.model.list))
	case kind < 5 || c.s.stepped:
		p = journal.AtCursor(e.Cursor())
		c.model.seekEntry(i)
	default:
		at := e.Realtime + journal.Usec(c.random.IntN(3)) - 1
		if c.random.IntN(20) == 0 {
			at = journal.Usec(c.random.Uint64() >> 10)
		}
		p = journal.AtRealtime(at)
		c.model.seekRealtime(at)
	}
	return fmt.Sprintf("seek to %+v", p), c.seek(p)
}

// values compares the names of all fields and the values of some.
func (c *comparison) values(ctx context.Context) error {
	want := map[string]map[string]bool{}
	for _, e := range c.s.entries {
		for _, v := range e.fields {
			if want[v.Name] == nil {
				want[v.Name] = map[string]bool{}
			}
			want[v.Name][string(v.Value)] = true
		}
	}
	for _, r := range c.readers {
		names, err := r.FieldNames(ctx)
		if err != nil {
			return fmt.Errorf("%s: field names: %w", r.name, err)
		}
		if len(names) != len(want) {
			return fmt.Errorf("%s: %d field names, want %d", r.name, len(names), len(want))
		}
		for name := range want {
			if !slices.Contains(names, name) {
				return fmt.Errorf("%s: field name %s is missing", r.name, name)
			}
			seen := map[string]bool{}
			if err := r.FieldValues(ctx, name, func(v []byte) bool {
				if seen[string(v)] || !want[name][string(v)] {
					err = fmt.Errorf("%s: value %s=%.100q", r.name, name, v)
				}
				seen[string(v)] = true
				return true
			}); err != nil {
				return fmt.Errorf("%s: values of %s: %w", r.name, name, err)
			}
			if err != nil {
				return err
			}
			if len(seen) != len(want[name]) {
				return fmt.Errorf("%s: %d values of %s, want %d", r.name, len(seen), name, len(want[name]))
			}
		}
	}
	return nil
}

// tails compares the newest entries of all sequences.
func (c *comparison) tails() error {
	newest := map[journal.ID128]*entry{}
	for _, e := range c.s.entries {
		if last := newest[e.SeqnumID]; last == nil || last.Seqnum < e.Seqnum {
			newest[e.SeqnumID] = e
		}
	}
	for _, r := range c.readers {
		tails, err := r.Tails()
		if err != nil {
			return fmt.Errorf("%s: tails: %w", r.name, err)
		}
		if len(tails) != len(newest) {
			return fmt.Errorf("%s: %d tails, want %d", r.name, len(tails), len(newest))
		}
		for _, tail := range tails {
			e := newest[tail.SeqnumID]
			if e == nil || tail.Seqnum > e.Seqnum || tail.Seqnum == e.Seqnum && (tail.Realtime != e.Realtime || tail.Monotonic != e.Monotonic || tail.BootID != e.BootID) {
				return fmt.Errorf("%s: tail %+v, want %+v", r.name, tail, e)
			}
		}
	}
	return nil
}

// text shows fields in an error.
func text(fields []journal.Field) string {
	var b strings.Builder
	for _, f := range fields {
		fmt.Fprintf(&b, " %s=%.60q", f.Name, f.Value)
	}
	return b.String()
}
