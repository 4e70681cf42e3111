// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile

import "github.com/noded/noded/journal"

// Matcher finds the entries of a file that satisfy a match, by the lists of entries that the file keeps for each
// value, without looking at others.
type Matcher struct {
	f          *File
	root       node
	generation uint64
}

// node finds entries. Offsets order the entries of a file.
type node interface {
	// seek returns the first entry at the offset or after it, or with down false the last one at it or before it. 0 means none.
	seek(offset uint64, down bool) (uint64, error)
	// refresh takes in what was added to the file.
	refresh()
}

// Matcher makes a Matcher for the file. The nil match is all entries.
func (f *File) Matcher(m journal.Match) *Matcher {
	var groups allOf
	for _, g := range m {
		var or anyOf
		for _, c := range g {
			or.nodes = append(or.nodes, branch{node: f.conjunction(c)})
		}
		groups.add(or.simple())
	}
	matcher := &Matcher{f: f, root: groups.simple()}
	if len(m) == 0 {
		matcher.root = &everything{cursor{list: &f.all}}
	}
	return matcher
}

// conjunction makes a node of terms: those on the same field are alternatives.
func (f *File) conjunction(c journal.Conjunction) node {
	if len(c) == 0 {
		return &everything{cursor{list: &f.all}}
	}
	var and allOf
	for i, term := range c {
		var or anyOf
		for k, other := range c {
			if other.Field != term.Field {
				continue
			}
			if k < i {
				break // this field had its turn
			}
			or.nodes = append(or.nodes, branch{node: newTerm(f, other)})
		}
		if len(or.nodes) > 0 {
			and.add(or.simple())
		}
	}
	return and.simple()
}

// Seek returns the offset of the first entry at the offset or after it that satisfies the match; with down false the last one
// at it or before it. 0 means that there is none. Entries that were added after the last Refresh of the file do not count.
func (m *Matcher) Seek(offset uint64, down bool) (uint64, error) {
	if m.generation != m.f.generation {
		m.generation = m.f.generation
		m.root.refresh()
	}
	if m.f.limit == 0 || down && offset > m.f.limit {
		return 0, nil
	}
	if !down {
		offset = min(offset, m.f.limit)
	}
	found, err := m.root.seek(offset, down)
	if err != nil || found > m.f.limit {
		return 0, err
	}
	return found, nil
}

// cursor is a place in a list.
type cursor struct {
	list *list
	i    uint64
}

// seek finds the entry from where the cursor is, so that small steps cost little.
func (c *cursor) seek(offset uint64, down bool) (uint64, error) {
	l := c.list
	if l.n == 0 {
		return 0, nil
	}
	low, high, err := c.around(offset)
	if err != nil {
		return 0, err
	}
	// Entries before low are less than the offset, those from high on are not.
	for low < high {
		mid := low + (high-low)/2
		at, err := l.at(mid)
		if err != nil {
			return 0, err
		}
		if at != 0 && at < offset {
			low = mid + 1
		} else {
			high = mid
		}
	}
	c.i = low
	// In a good list the first one is it; bad ones, and those that are not in order, are passed over.
	if down {
		for end := min(l.n, low+maxBad); low < end; low++ {
			if at, err := l.at(low); err != nil || at >= offset && !l.f.bad[at] {
				return at, err
			}
		}
		return 0, l.unordered(low, low < l.n)
	}
	if low < l.n {
		if at, err := l.at(low); err != nil || at == offset && !l.f.bad[at] {
			return at, err
		}
	}
	for end := low - min(low, maxBad); low > end; low-- {
		if at, err := l.at(low - 1); err != nil || at != 0 && at <= offset && !l.f.bad[at] {
			return at, err
		}
	}
	return 0, l.unordered(low, low > 0)
}

// around returns the part of the list in which the offset must be, looking near the cursor first.
func (c *cursor) around(offset uint64) (low, high uint64, err error) {
	l := c.list
	i := min(c.i, l.n-1)
	at, err := l.at(i)
	if err != nil {
		return 0, 0, err
	}
	step := uint64(1)
	if at != 0 && at < offset {
		for low = i + 1; low < l.n; step *= 2 {
			next := min(low+step-1, l.n-1)
			if at, err = l.at(next); err != nil {
				return 0, 0, err
			}
			if at == 0 || at >= offset {
				return low, next, nil
			}
			low = next + 1
		}
		return l.n, l.n, nil
	}
	for high = i; high > 0; step *= 2 {
		next := high - min(step, high)
		if at, err = l.at(next); err != nil {
			return 0, 0, err
		}
		if at != 0 && at < offset {
			return next + 1, high, nil
		}
		high = next
	}
	return 0, 0, nil
}

// everything is all entries of the file.
type everything struct{ cursor }

func (e *everything) refresh() {}

// term is the entries with one value.
type term struct {
	cursor
	f           *File
	name, value string
	list        list
}

func newTerm(f *File, t journal.Term) *term {
	n := &term{f: f, name: t.Field, value: t.Value, list: list{f: f}}
	n.cursor.list = &n.list
	return n
}

func (t *term) refresh() {
	var d Data
	err := t.f.findData(t.name, t.value, &d)
	if err != nil {
		t.f.note(err)
	}
	if err != nil || d.Offset == 0 {
		t.list.reset(0, 0, 0)
		return
	}
	t.list.reset(d.Entry, d.array, d.Entries)
	if err := t.list.clip(); err != nil {
		t.f.note(err)
	}
}

// branch is an alternative, with the answer that it gave last.
type branch struct {
	node node
	// found is the answer for every offset between from and it; 0 is none at all. known tells whether there is one for
	// this direction.
	from, found uint64
	down, known bool
}

// anyOf is the entries that one of its nodes has.
type anyOf struct{ nodes []branch }

func (o *anyOf) simple() node {
	if len(o.nodes) == 1 {
		return o.nodes[0].node
	}
	return o
}

func (o *anyOf) refresh() {
	for i := range o.nodes {
		o.nodes[i].known = false
		o.nodes[i].node.refresh()
	}
}

func (o *anyOf) seek(offset uint64, down bool) (uint64, error) {
	best := uint64(0)
	for i := range o.nodes {
		found, err := o.nodes[i].seek(offset, down)
		if err != nil {
			return 0, err
		}
		if found != 0 && (best == 0 || down == (found < best)) {
			best = found
		}
	}
	return best, nil
}

func (b *branch) seek(offset uint64, down bool) (uint64, error) {
	if b.known && b.down == down {
		if down && offset >= b.from && (b.found == 0 || offset <= b.found) || !down && offset <= b.from && offset >= b.found {
			return b.found, nil
		}
	}
	found, err := b.node.seek(offset, down)
	b.from, b.found, b.down, b.known = offset, found, down, err == nil
	return found, err
}

// allOf is the entries that each of its nodes has.
type allOf struct{ nodes []node }

func (a *allOf) add(n node) { a.nodes = append(a.nodes, n) }

func (a *allOf) simple() node {
	if len(a.nodes) == 1 {
		return a.nodes[0]
	}
	return a
}

func (a *allOf) refresh() {
	for _, n := range a.nodes {
		n.refresh()
	}
}

func (a *allOf) seek(offset uint64, down bool) (uint64, error) {
	if len(a.nodes) == 0 {
		return 0, nil
	}
	agreed := 0
	for i := 0; agreed < len(a.nodes); i = (i + 1) % len(a.nodes) {
		found, err := a.nodes[i].seek(offset, down)
		if err != nil || found == 0 {
			return 0, err
		}
		if found == offset {
			agreed++
			continue
		}
		// It is further on, as every node checks its list.
		agreed, offset = 1, found
	}
	return offset, nil
}
