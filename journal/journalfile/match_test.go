// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journalfile_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journalfile/compress"
	"github.com/noded/noded/journal/journaltest"
)

// known is a file and what is in it.
type known struct {
	f       *journalfile.File
	entries []journaltest.Entry
	offsets []uint64
	random  *rand.Rand
}

// openKnown writes entries of two boots, with fields of few values, some of them rare.
func openKnown(t *testing.T, v journaltest.Variant, n int) *known {
	t.Helper()
	k := &known{random: rand.New(rand.NewPCG(uint64(n), 3))}
	for i := range n {
		e := journaltest.Entry{
			Realtime: journal.Usec(1_700_000_000_000_000 + i/3*10), Monotonic: journal.Usec(1000 + i/2*10), BootID: journal.ID128{1},
		}
		if i >= n/2 {
			e.BootID, e.Monotonic = journal.ID128{2}, journal.Usec(1000+(i-n/2)*10)
		}
		for field, values := range []int{2, 7, 100, n} {
			if k.random.IntN(10) > 0 {
				e.Fields = append(e.Fields, journaltest.F(string("ABCD"[field]), fmt.Sprint(k.random.IntN(values))))
			}
		}
		k.entries = append(k.entries, e)
	}
	path := filepath.Join(t.TempDir(), "known.journal")
	if err := journaltest.WriteFile(path, v.Options, k.entries); err != nil {
		t.Fatal(err)
	}
	var err error
	if k.f, err = journalfile.Open(path, journalfile.Options{Decoder: new(compress.Decoder)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.f.Close(); err != nil {
			t.Error(err)
		}
	})
	all := k.f.Matcher(nil)
	for at := uint64(0); ; {
		offset, err := all.Seek(at, true)
		if err != nil {
			t.Fatal(err)
		}
		if offset == 0 {
			break
		}
		k.offsets = append(k.offsets, offset)
		at = offset + 1
	}
	if len(k.offsets) != n || k.f.Entries() != uint64(n) || k.f.Limit() != k.offsets[n-1] {
		t.Fatalf("%d entries, Entries = %d, Limit = %d", len(k.offsets), k.f.Entries(), k.f.Limit())
	}
	return k
}

// match makes one at random.
func (k *known) match() journal.Match {
	m := make(journal.Match, k.random.IntN(3))
	for i := range m {
		m[i] = make(journal.Group, 1+k.random.IntN(3))
		for j := range m[i] {
			for range k.random.IntN(4) {
				name := []string{"A", "B", "C", "D"}[k.random.IntN(4)]
				m[i][j] = append(m[i][j], journal.Term{Field: name, Value: fmt.Sprint(k.random.IntN(12))})
			}
		}
	}
	return m
}

// satisfies is what a match means: all groups, in each one conjunction, in it one term of each field.
func satisfies(m journal.Match, e *journaltest.Entry) bool {
	has := func(t journal.Term) bool {
		return slices.ContainsFunc(e.Fields, func(f journal.Field) bool { return f.Name == t.Field && string(f.Value) == t.Value })
	}
	conjunction := func(c journal.Conjunction) bool {
		return !slices.ContainsFunc(c, func(t journal.Term) bool {
			return !slices.ContainsFunc(c, func(other journal.Term) bool { return other.Field == t.Field && has(other) })
		})
	}
	return !slices.ContainsFunc(m, func(g journal.Group) bool { return !slices.ContainsFunc(g, conjunction) })
}

// TestMatcher: from wherever it is sent, in both directions, a Matcher finds what a look at each entry would.
func TestMatcher(t *testing.T) {
	t.Parallel()
	for _, v := range journaltest.Variants() {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			k := openKnown(t, v, 500)
			for range 40 {
				m := k.match()
				matcher := k.f.Matcher(m)
				var good []uint64
				for i := range k.entries {
					if satisfies(m, &k.entries[i]) {
						good = append(good, k.offsets[i])
					}
				}
				at := uint64(0)
				for range 60 {
					switch k.random.IntN(4) {
					case 0:
						at = k.random.Uint64N(k.f.Limit() + 100)
					case 1:
						at = []uint64{0, 1, k.f.Limit(), k.f.Limit() + 1, journalfile.End}[k.random.IntN(5)]
					default:
						at += k.random.Uint64N(2000) - 1000
					}
					down := k.random.IntN(2) == 0
					got, err := matcher.Seek(at, down)
					if want := nearest(good, at, down); err != nil || got != want {
						t.Fatalf("%v: Seek(%d, %v) = %d, %v, want %d", m, at, down, got, err, want)
					}
				}
			}
			if n, err := k.f.Damage(); n > 0 {
				t.Errorf("Damage = %v", err)
			}
		})
	}
}

// nearest is Seek on a sorted list.
func nearest(list []uint64, at uint64, down bool) uint64 {
	i, found := slices.BinarySearch(list, at)
	switch {
	case down && i < len(list) || found:
		return list[i]
	case !down && i > 0:
		return list[i-1]
	}
	return 0
}

// TestFind: the places of numbers and times.
func TestFind(t *testing.T) {
	t.Parallel()
	for _, v := range journaltest.Variants() {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()
			const n = 300
			k := openKnown(t, v, n)
			place := func(reached func(i int) bool) uint64 {
				for i := range n {
					if reached(i) {
						return k.offsets[i]
					}
				}
				return k.offsets[n-1] + 1
			}
			for i := range n + 2 {
				got, err := k.f.FindSeqnum(uint64(i))
				if want := place(func(at int) bool { return at+1 >= i }); err != nil || got != want {
					t.Fatalf("FindSeqnum(%d) = %d, %v, want %d", i, got, err, want)
				}
			}
			for range 200 {
				at := journal.Usec(1_700_000_000_000_000 + k.random.IntN(n/3*10+20) - 10)
				got, err := k.f.FindRealtime(at)
				if want := place(func(i int) bool { return k.entries[i].Realtime >= at }); err != nil || got != want {
					t.Fatalf("FindRealtime(%d) = %d, %v, want %d", at, got, err, want)
				}
				boot := journal.ID128{byte(1 + k.random.IntN(3))}
				at = journal.Usec(990 + k.random.IntN(n/2*10+20))
				k.findMonotonic(t, boot, at, !v.Options.NoBootField && boot[0] < 3)
			}
		})
	}
}

func (k *known) findMonotonic(t *testing.T, boot journal.ID128, at journal.Usec, there bool) {
	t.Helper()
	want := uint64(0)
	for i := range k.entries {
		if !there || k.entries[i].BootID != boot {
			continue
		}
		if want = k.offsets[i]; k.entries[i].Monotonic >= at {
			break
		}
		want++
	}
	got, ok, err := k.f.FindMonotonic(boot, at)
	if err != nil || ok != there || got != want {
		t.Fatalf("FindMonotonic(%v, %d) = %d, %v, %v, want %d, %v", boot, at, got, ok, err, want, there)
	}
}
