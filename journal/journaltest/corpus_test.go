// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journaltest

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// export is what journalctl reads from a fixture.
func export(t *testing.T, dir string) []byte {
	t.Helper()
	cmd := exec.Command("journalctl", "--directory="+dir, "--output=export", "--quiet", "--no-pager", "--merge")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("journalctl: %v: %s", err, stderr.Bytes())
	}
	return out
}

func TestCorpus(t *testing.T) {
	t.Parallel()
	fixtures := Corpus(t)
	if len(fixtures) < 14 {
		t.Errorf("%d fixtures, want at least 14", len(fixtures))
	}
	for _, f := range fixtures {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			if len(f.Files) == 0 {
				t.Fatal("no files")
			}
			for _, path := range f.Bad {
				if !slices.Contains(f.Files, path) {
					t.Errorf("%s is not among the files", path)
				}
			}
			for _, path := range f.Files {
				if slices.Contains(f.Bad, path) {
					continue
				}
				verify(t, path)
			}
		})
	}
}

// TestBuildTwice: two builds hold the same entries with the same cursors.
func TestBuildTwice(t *testing.T) {
	t.Parallel()
	corpus := Corpus(t)
	again := filepath.Join(t.TempDir(), "again")
	Require(t, buildCorpus(again))
	for _, f := range corpus {
		if diff := cmp.Diff(string(export(t, f.Dir)), string(export(t, filepath.Join(again, f.Name)))); diff != "" {
			t.Errorf("%s differs between two builds: %.500s", f.Name, diff)
		}
	}
}

func TestAppendExport(t *testing.T) {
	t.Parallel()
	e := Entry{Realtime: 1, Monotonic: 2, BootID: id(0xab), Fields: nil}
	e.Fields = append(e.Fields, F("MESSAGE", "text"), F("DATA", "a\nb"))
	want := "__REALTIME_TIMESTAMP=1\n__MONOTONIC_TIMESTAMP=2\n_BOOT_ID=abababababababababababababababab\n" +
		"MESSAGE=text\nDATA\n\x03\x00\x00\x00\x00\x00\x00\x00a\nb\n\n"
	if diff := cmp.Diff(want, string(AppendExport(nil, &e))); diff != "" {
		t.Errorf("AppendExport (-want +got):\n%s", diff)
	}
}
