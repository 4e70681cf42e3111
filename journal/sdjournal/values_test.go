// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux && cgo

package sdjournal

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/journaltest"
)

// TestOrderOfFields: names and values come in journalctl's order.
func TestOrderOfFields(t *testing.T) {
	t.Parallel()
	for _, f := range journaltest.Corpus(t) {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			journalctl := func(args ...string) string {
				t.Helper()
				out, err := exec.Command("journalctl", append([]string{"--quiet", "--no-pager", "--directory=" + f.Dir}, args...)...).Output()
				if err != nil {
					t.Fatalf("journalctl %q: %v", args, err)
				}
				return string(out)
			}
			r := open(t, New(), journal.Source{Directory: f.Dir})
			names, err := r.FieldNames(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(journalctl("--fields"), lines(names)); diff != "" {
				t.Errorf("FieldNames (-journalctl +ours):\n%.1000s", diff)
			}
			for _, name := range []string{"PRIORITY", "_SYSTEMD_UNIT", "_BOOT_ID"} {
				var values []string
				if err := r.FieldValues(t.Context(), name, func(value []byte) bool {
					values = append(values, string(value))
					return true
				}); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(journalctl("--field="+name), lines(values)); diff != "" {
					t.Errorf("FieldValues(%s) (-journalctl +ours):\n%.1000s", name, diff)
				}
			}
		})
	}
}

func lines(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return strings.Join(list, "\n") + "\n"
}

// TestTooManyFiles: files that libsystemd does not take are told.
func TestTooManyFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := filepath.Join(dir, "system.journal")
	journaltest.Write(t, first, journaltest.Options{}, entries(1))
	for i := range maxFilesOpen {
		if err := os.Link(first, filepath.Join(dir, fmt.Sprintf("user-%d.journal", i))); err != nil {
			t.Fatal(err)
		}
	}
	lib, err := loadLibrary()
	if err != nil {
		t.Fatal(err)
	}
	o, err := newOrigin(lib, DefaultMaxEntryBytes, journal.Source{Directory: dir})
	if err != nil {
		t.Fatal(err)
	}
	if headers, problems := o.inspect(); len(headers) != maxFilesOpen+1 || len(problems) != 1 || problems[0].Path != dir {
		t.Errorf("%d headers, problems %v, want one of the directory", len(headers), problems)
	}
}

// TestLargeValues: values over the limit are left out of a listing, the others are not.
func TestLargeValues(t *testing.T) {
	t.Parallel()
	r := open(t, New(MaxEntryBytes(1<<20)), journal.Source{Directory: journaltest.Get(t, "huge").Dir})
	n := 0
	for _, name := range []string{"BLOB", "MESSAGE"} {
		if err := r.FieldValues(t.Context(), name, func([]byte) bool { n++; return true }); err != nil {
			t.Fatal(err)
		}
		if name == "BLOB" && n > 0 || name == "MESSAGE" && n < 5 {
			t.Errorf("%d values up to %s", n, name)
		}
	}
	if problems := r.Problems(); len(problems) > 0 {
		t.Errorf("Problems = %v, want none", problems)
	}
}
