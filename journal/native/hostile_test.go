// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package native_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journalfile"
	"github.com/noded/noded/journal/journalfile/compress"
	"github.com/noded/noded/journal/journaltest"
	"github.com/noded/noded/journal/native"
)

// What a small file may cost.
const (
	maxTime  = 10 * time.Second
	maxBytes = 64 << 20
)

// allocated is how many bytes the process has ever allocated.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// maxTries is how often a file may cost too much: other tests run at the same time, and what they allocate counts.
const maxTries = 8

// exercise does everything with one file, and checks what it costs and, if the file is good, what it gives.
func exercise(t testing.TB, path string) error {
	t.Helper()
	var x journaltest.Exercised
	var good bool
	for try := 1; ; try++ {
		begin, before := time.Now(), allocated()
		var err error
		if x, err = journaltest.Exercise(t.Context(), native.New(), journal.Source{Files: []string{path}}); err != nil {
			return err
		}
		good = journalfile.Verify(t.Context(), path) == nil
		took, n := time.Since(begin), allocated()-before
		if took <= maxTime && n <= maxBytes {
			break
		}
		if try == maxTries {
			return fmt.Errorf("took %v and allocated %d bytes, in each of %d tries", took, n, try)
		}
	}
	if !good {
		return nil
	}
	backward := slices.Clone(x.Backward)
	slices.Reverse(backward)
	failed := slices.IndexFunc(x.Errors, func(err error) bool { return !errors.Is(err, journal.ErrTooLarge) })
	switch {
	case failed >= 0:
		return fmt.Errorf("a good file: %w", x.Errors[failed])
	case !slices.Equal(x.Forward, backward):
		return fmt.Errorf("a good file: %d entries backwards, not the reverse of %d forwards", len(backward), len(x.Forward))
	case x.Matched != x.Counted && len(x.Errors) == 0:
		return fmt.Errorf("a good file: %d entries match, %d should", x.Matched, x.Counted)
	}
	return nil
}

// each runs f for all numbers below n on all processors, with a file of its own that holds the content.
func each(t *testing.T, content []byte, n int, f func(file *os.File, i int) error) {
	t.Helper()
	workers := runtime.GOMAXPROCS(0)
	var group errgroup.Group
	for w := range workers {
		group.Go(func() error {
			file, err := os.Create(filepath.Join(t.TempDir(), "small.journal"))
			if err != nil {
				return err
			}
			defer file.Close()
			if _, err := file.WriteAt(content, 0); err != nil {
				return err
			}
			for i := w; i < n; i += workers {
				if err := f(file, i); err != nil {
					return fmt.Errorf("number %d: %w", i, err)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

// TestFlippedBits: every bit of a small file.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	for name, content := range some(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, content, 8*len(content), func(file *os.File, i int) error {
				at, bit := int64(i/8), byte(1)<<(i%8)
				if _, err := file.WriteAt([]byte{content[at] ^ bit}, at); err != nil {
					return err
				}
				if err := exercise(t, file.Name()); err != nil {
					return err
				}
				_, err := file.WriteAt(content[at:at+1], at)
				return err
			})
		})
	}
}

// TestTruncated: every length of a small file.
func TestTruncated(t *testing.T) {
	t.Parallel()
	for name, content := range some(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, content, len(content), func(file *os.File, i int) error {
				if err := file.Truncate(int64(len(content) - 1 - i)); err != nil {
					return err
				}
				if err := exercise(t, file.Name()); err != nil {
					return err
				}
				_, err := file.WriteAt(content, 0)
				return err
			})
		})
	}
}

// some are small files that have all kinds of objects between them.
func some(t *testing.T) map[string][]byte {
	t.Helper()
	files := journaltest.SmallFiles(t)
	maps.DeleteFunc(files, func(name string, _ []byte) bool {
		return !slices.Contains([]string{"sealed", "unkeyed-xz", "all-lz4"}, name)
	})
	return files
}

// TestBombs measures what the whole process allocates, and so does not run beside others.
func TestBombs(t *testing.T) { //nolint:paralleltest // see above
	for name, bomb := range journaltest.Bombs(t) {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bomb.journal")
			entries := make([]journaltest.Entry, 3)
			for i, text := range []string{"before", "bomb", "after"} {
				entries[i] = journaltest.Entry{
					Realtime: 1_700_000_000_000_000 + journal.Usec(i), Monotonic: journal.Usec(i + 1), BootID: journal.ID128{1},
					Fields: []journal.Field{journaltest.F("TEXT", text), journaltest.F("MESSAGE", text)},
				}
			}
			o := journaltest.FileOptions{Compression: bomb.Kind, Encode: func(payload []byte) ([]byte, compress.Kind, bool) {
				return bomb.Payload, bomb.Kind, string(payload) == "MESSAGE=bomb"
			}}
			if err := journaltest.WriteFile(path, o, entries); err != nil {
				t.Fatal(err)
			}
			if err := exercise(t, path); err != nil {
				t.Error(err)
			}
			texts, err := texts(t, path)
			if err != nil || !slices.Equal(texts, []string{"before", "bomb", "after"}) {
				t.Errorf("read %q, %v", texts, err)
			}
		})
	}
}

// texts reads the field TEXT of all entries, and all fields of those that give them.
func texts(t *testing.T, path string) (texts []string, err error) {
	t.Helper()
	r, err := native.New().Open(t.Context(), journal.Source{Files: []string{path}})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if err := r.Seek(journal.Head()); err != nil {
		return nil, err
	}
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return texts, nil
		}
		if err != nil {
			return texts, err
		}
		f, err := e.Lookup("TEXT")
		if err != nil {
			return texts, err
		}
		texts = append(texts, strings.Clone(string(f.Value)))
		if _, err := e.AppendFields(nil, nil); err != nil {
			t.Logf("%s: %v", f.Value, err)
		}
	}
}

// FuzzReader: whatever a file holds, reading it ends soon and costs little; and if Verify finds nothing wrong, nothing fails and all
// ways to read agree.
func FuzzReader(f *testing.F) {
	for _, content := range journaltest.SmallFiles(f) {
		f.Add(content)
	}
	path := filepath.Join(f.TempDir(), "fuzz.journal")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := exercise(t, path); err != nil {
			t.Error(err)
		}
	})
}

// FuzzPatches is FuzzReader for good files of which some numbers were changed.
func FuzzPatches(f *testing.F) {
	files := journaltest.SmallFiles(f)
	names := slices.Sorted(maps.Keys(files))
	for i := range names {
		f.Add(byte(i), []byte{0, 152, 1, 0, 9}) // the number of entries
	}
	path := filepath.Join(f.TempDir(), "fuzz.journal")
	f.Fuzz(func(t *testing.T, variant byte, patches []byte) {
		content := journaltest.Patch(files[names[int(variant)%len(names)]], patches)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := exercise(t, path); err != nil {
			t.Error(err)
		}
	})
}
