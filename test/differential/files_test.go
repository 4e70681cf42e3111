// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package differential

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journaltest"
)

// TestHeader: --header prints what journalctl prints, for each file and for all files of a directory. The order of those
// is that of a hash table of journalctl's, and by name of nodectl's.
func TestHeader(t *testing.T) {
	t.Parallel()
	bin := build(t)
	paragraphs := func(text []byte) []string {
		var out []string
		for p := range bytes.SplitSeq(bytes.TrimSuffix(text, []byte("\n")), []byte("\n\n")) {
			out = append(out, string(p))
		}
		slices.Sort(out)
		return out
	}
	for _, f := range journaltest.Corpus(t) {
		for _, path := range f.Files {
			want := run(t, "journalctl", "--header", "--file="+path)
			got := run(t, bin.nodectl, "journal", "--header", "--file="+path)
			if slices.Contains(f.Bad, path) {
				if got.exit == 0 {
					t.Errorf("%s: nodectl --header succeeds on a bad file", path)
				}
				continue
			}
			if diff := firstDifference(want.stdout, got.stdout); !bytes.Equal(want.stdout, got.stdout) || want.exit != got.exit {
				t.Errorf("%s: exit %d and %d: %s", path, want.exit, got.exit, diff)
			}
		}
		want := run(t, slices.Concat([]string{"journalctl", "--header"}, source(f))...)
		got := run(t, slices.Concat([]string{bin.nodectl, "journal", "--header"}, source(f))...)
		if !slices.Equal(paragraphs(want.stdout), paragraphs(got.stdout)) {
			t.Errorf("%s: %s", f.Name, firstDifference(want.stdout, got.stdout))
		}
	}
}

// TestVerify: what journalctl --verify fails on, nodectl fails on; good files pass with both.
func TestVerify(t *testing.T) {
	t.Parallel()
	bin := build(t)
	verify := func(path string) (journalctl, nodectl result) {
		return run(t, "journalctl", "--verify", "--file="+path), run(t, bin.nodectl, "journal", "--verify", "--file="+path)
	}
	for _, f := range journaltest.Corpus(t) {
		for _, path := range f.Files {
			_, got := verify(path)
			if bad := slices.Contains(f.Bad, path); bad == (got.exit == 0) {
				t.Errorf("%s: exit %d\n%s", path, got.exit, got.stderr)
			}
		}
	}
	for _, kind := range journaltest.Damages() {
		_, damaged := journaltest.WriteDamaged(t, kind)
		want, got := verify(damaged)
		if got.exit == 0 {
			t.Errorf("%s: nodectl passes it; journalctl exits %d\n%s", kind, want.exit, want.stderr)
		}
	}
	// Bits of the objects of small files of several kinds.
	random := rand.New(rand.NewPCG(3, 4))
	for _, name := range []string{"xz", "lz4", "oldest", "basic", "all-compressed"} {
		original := journaltest.Get(t, name).Files[0]
		content, err := os.ReadFile(original)
		if err != nil {
			t.Fatal(err)
		}
		h, err := journalfile.ReadHeader(original)
		if err != nil {
			t.Fatal(err)
		}
		begin := max(h.DataHashTableOffset+h.DataHashTableSize, h.FieldHashTableOffset+h.FieldHashTableSize)
		path := filepath.Join(t.TempDir(), "flipped.journal")
		for range 25 {
			at, bit := begin+random.Uint64N(h.TailObjectOffset-begin), byte(1)<<random.IntN(8)
			content[at] ^= bit
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			content[at] ^= bit
			if want, got := verify(path); want.exit != 0 && got.exit == 0 {
				t.Errorf("%s, byte %d ^ %#x: nodectl passes it; journalctl exits %d\n%s", name, at, bit, want.exit, want.stderr)
			}
		}
	}
}
