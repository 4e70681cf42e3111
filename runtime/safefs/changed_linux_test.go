// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package safefs

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestChanged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	begin := time.Now().Add(-time.Minute) // the clock of files is coarse
	old := begin.Add(-time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+"b"); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path + "b")
	if err != nil {
		t.Fatal(err)
	}
	if got := Changed(info); got.Before(begin) || !info.ModTime().Equal(old) {
		t.Errorf("Changed = %v, want it after %v; it was written at %v", got, begin, info.ModTime())
	}
}
