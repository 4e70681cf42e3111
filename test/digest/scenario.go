// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package digest

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journaltest"
)

// entry is what the model knows of an entry.
type entry struct {
	journal.Header
	fields []*value
	// set is the digest of its distinct fields.
	set uint64
	// user says that it goes to the user's journal, twice that it is in two files, in which its fields may have another order.
	user, twice bool
}

// scenario is a directory of journal files and what is in it.
type scenario struct {
	name string
	dir  string
	// entries are in the order in which they are read, each once.
	entries []*entry
	// stepped says that clocks stepped, so that times tell no order.
	stepped bool
	// tied says that entries of several sequences have the same time in the same boot, and only the xor hash orders
	// them. Seeks of libsystemd go wrong then: of entries at one time it takes the first of each file, and not the one that the cursor
	// names. So it is compared without seeks.
	tied bool
	pool *pool
	// files is how many there are.
	files int
}

// generator makes one scenario.
type generator struct {
	*rand.Rand
	pool *pool
	s    *scenario
	// now is the wall clock; each entry is later than the one before, of whatever sequence.
	now journal.Usec
}

const (
	epoch  journal.Usec = 1_700_000_000_000_000
	second journal.Usec = 1_000_000
)

func newGenerator(name, dir string, seed uint64) *generator {
	random := rand.New(rand.NewPCG(seed, 0x6a09e667f3bcc908))
	p := newPool(hasher{seed: maphashSeed()}, random)
	return &generator{Rand: random, pool: p, s: &scenario{name: name, dir: dir, pool: p}, now: epoch}
}

func (g *generator) id() (id journal.ID128) {
	binary.BigEndian.PutUint64(id[:8], g.Uint64()|1)
	binary.BigEndian.PutUint64(id[8:], g.Uint64())
	return id
}

// boot is a boot of a machine and when it began, by the wall clock that it has now.
type boot struct {
	id, machine journal.ID128
	begin       journal.Usec
}

func (g *generator) boot(machine journal.ID128) *boot {
	return &boot{id: g.id(), machine: machine, begin: g.now}
}

// add makes an entry of the sequence now.
func (g *generator) add(b *boot, seqnumID journal.ID128, seqnum uint64) *entry {
	e := &entry{fields: g.pool.fields(b.id, b.machine), user: g.IntN(6) == 0}
	e.Header = journal.Header{
		SeqnumID: seqnumID, Seqnum: seqnum, BootID: b.id, Realtime: g.now, Monotonic: g.now - b.begin + 3*second,
	}
	for i, v := range e.fields {
		e.XorHash ^= v.jenkins
		if !slices.ContainsFunc(e.fields[:i], func(w *value) bool { return w.digest == v.digest }) {
			e.set += v.digest
		}
	}
	return e
}

// options picks a variant.
func (g *generator) options() journaltest.FileOptions {
	variants := journaltest.Variants()
	return variants[g.IntN(len(variants))].Options
}

// write makes a file of entries of one sequence.
func (g *generator) write(name string, o journaltest.FileOptions, entries []*entry) error {
	if len(entries) == 0 {
		return nil
	}
	o.FileID, o.NoBootField = g.id(), true
	o.SeqnumID = entries[0].SeqnumID
	w, err := journaltest.Create(filepath.Join(g.s.dir, name), o)
	if err != nil {
		return err
	}
	var fields []journal.Field
	for _, e := range entries {
		fields = fields[:0]
		for _, v := range e.fields {
			fields = append(fields, v.Field)
		}
		if err := w.Append(&journaltest.Entry{Realtime: e.Realtime, Monotonic: e.Monotonic, BootID: e.BootID, Seqnum: e.Seqnum, Fields: fields}); err != nil {
			return err
		}
	}
	g.s.files++
	return w.Close()
}

// rotate writes entries of one sequence to that many files, those of users to others.
func (g *generator) rotate(dir, prefix string, files int, entries []*entry) error {
	for user, label := range []string{prefix, prefix + "-user"} {
		var part []*entry
		for _, e := range entries {
			if e.user == (user == 1) {
				part = append(part, e)
			}
		}
		for i := range files {
			n := len(part)/(files-i) + g.IntN(1+len(part)/20)
			now := part[:min(n, len(part))]
			if i == files-1 {
				now = part
			}
			part = part[len(now):]
			if len(now) == 0 {
				continue
			}
			o, name := g.options(), label+".journal"
			if i < files-1 {
				o.State = journalfile.StateArchived
				name = fmt.Sprintf("%s@%s-%016x-%016x.journal", label, now[0].SeqnumID, now[0].Seqnum, uint64(now[0].Realtime))
			}
			if err := g.write(filepath.Join(dir, name), o, now); err != nil {
				return err
			}
		}
	}
	return nil
}

// variantScenario is one file of one variant with three boots; entries may have the same time.
func variantScenario(dir string, seed uint64, n int) (*scenario, error) {
	variants := journaltest.Variants()
	v := variants[seed%uint64(len(variants))]
	g := newGenerator("variant "+v.Name, dir, seed)
	machine, seqnumID := g.id(), g.id()
	b := g.boot(machine)
	for i := range n {
		if i > 0 && i%(n/3+1) == 0 {
			g.now += 20 * second
			b = g.boot(machine)
		}
		g.now += journal.Usec(g.IntN(3) * g.IntN(2000))
		g.s.entries = append(g.s.entries, g.add(b, seqnumID, uint64(i+1)))
	}
	return g.s, g.write("system.journal", v.Options, g.s.entries)
}

// rotatedScenario is one sequence in many files, with some entries in two of them.
func rotatedScenario(dir string, seed uint64, n int) (*scenario, error) {
	g := newGenerator("rotated", dir, seed)
	machine, seqnumID := g.id(), g.id()
	b := g.boot(machine)
	seqnum := g.Uint64() >> 20
	for range n {
		if g.IntN(n/4+1) == 0 {
			g.now += 20 * second
			b = g.boot(machine)
		}
		g.now += journal.Usec(g.IntN(2000))
		seqnum += 1 + uint64(g.IntN(2)*g.IntN(3))
		g.s.entries = append(g.s.entries, g.add(b, seqnumID, seqnum))
	}
	if err := g.rotate(machine.String(), "system", 1+g.IntN(9), g.s.entries); err != nil {
		return nil, err
	}
	from := g.IntN(n)
	twice := g.s.entries[from:min(n, from+n/10)]
	for _, e := range twice {
		e.twice = true
	}
	return g.s, g.write(filepath.Join(machine.String(), "copy.journal"), g.options(), twice)
}

// machinesScenario are several machines, each with several boots and sequences, whose clocks agree.
func machinesScenario(dir string, seed uint64, n int) (*scenario, error) {
	g := newGenerator("machines", dir, seed)
	type sequence struct {
		id      journal.ID128
		machine int
		seqnum  uint64
		entries []*entry
	}
	g.s.tied = seed%3 == 0
	machines := make([]*boot, 1+g.IntN(3))
	var sequences []*sequence
	for i := range machines {
		machines[i] = g.boot(g.id())
		for range 1 + g.IntN(3) {
			sequences = append(sequences, &sequence{id: g.id(), machine: i})
		}
	}
	for len(g.s.entries) < n {
		m := g.IntN(len(machines))
		if g.IntN(n/3+1) == 0 {
			g.now += second
			machines[m] = g.boot(machines[m].machine)
		}
		g.now += 1 + journal.Usec(g.IntN(1000))
		all := g.s.tied && g.IntN(20) == 0
		for _, s := range sequences {
			if !all && (s.machine != m || g.IntN(2) == 0) {
				continue
			}
			s.seqnum++
			e := g.add(machines[s.machine], s.id, s.seqnum)
			s.entries = append(s.entries, e)
			g.s.entries = append(g.s.entries, e)
			if !all {
				break
			}
		}
	}
	for i, s := range sequences {
		if err := g.rotate(machines[s.machine].machine.String(), fmt.Sprintf("s%d", i), 1+g.IntN(4), s.entries); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(g.s.entries, func(a, b *entry) int {
		return cmp.Or(cmp.Compare(a.Realtime, b.Realtime), cmp.Compare(a.XorHash, b.XorHash))
	})
	return g.s, nil
}

// clockScenario is one sequence in several files, while the clock steps back and forth.
func clockScenario(dir string, seed uint64, n int) (*scenario, error) {
	g := newGenerator("clock steps", dir, seed)
	g.s.stepped = true
	machine, seqnumID := g.id(), g.id()
	b := g.boot(machine)
	for i := range n {
		switch g.IntN(n/8 + 2) {
		case 0:
			step := journal.Usec(g.IntN(3600)) * second
			g.now -= step
			b.begin -= step
		case 1:
			step := journal.Usec(g.IntN(3600)) * second
			g.now += step
			b.begin += step
		case 2:
			b = g.boot(machine)
		}
		g.now += journal.Usec(g.IntN(50_000))
		g.s.entries = append(g.s.entries, g.add(b, seqnumID, uint64(i+1)))
	}
	return g.s, g.rotate(machine.String(), "system", 1+g.IntN(6), g.s.entries)
}
