// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package fileset

import (
	"os"
	"path/filepath"
	"testing"
)

func TestID(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, link, other := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "c")
	write(t, path, "one")
	write(t, other, "one")
	if err := os.Link(path, link); err != nil {
		t.Fatal(err)
	}
	id, ok := IDOf(path)
	if !ok || id.IsZero() {
		t.Fatalf("IDOf = %v, %t", id, ok)
	}
	if same, ok := IDOf(link); !ok || same != id {
		t.Errorf("IDOf a link = %v, %t, want %v", same, ok, id)
	}
	if another, ok := IDOf(other); !ok || another == id {
		t.Errorf("IDOf another file = %v, %t", another, ok)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if same, ok := IDOfFile(f); !ok || same != id {
		t.Errorf("IDOfFile = %v, %t, want %v", same, ok, id)
	}
	if id, ok := IDOf(filepath.Join(dir, "none")); ok || !id.IsZero() {
		t.Errorf("IDOf no file = %v, %t", id, ok)
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
