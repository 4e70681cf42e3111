// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog_test

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/noded/noded/journal"
	"github.com/noded/noded/journal/catalog"
)

func id(t testing.TB, s string) journal.ID128 {
	t.Helper()
	id, err := journal.ParseID128(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// database builds a database of texts named by id and language, in the given order.
func database(items [][3]string) []byte {
	b := append([]byte("RHHHKSLP"), 0, 0, 0, 0, 0, 0, 0, 0)
	b = binary.LittleEndian.AppendUint64(b, 40)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(items)))
	b = binary.LittleEndian.AppendUint64(b, 56)
	var texts []byte
	for _, item := range items {
		id, _ := journal.ParseID128(item[0])
		b = append(b, id[:]...)
		b = append(b, item[1]...)
		b = append(b, make([]byte, 32-len(item[1]))...)
		b = binary.LittleEndian.AppendUint64(b, uint64(len(texts)))
		texts = append(append(texts, item[2]...), 0)
	}
	return append(b, texts...)
}

const (
	firstID  = "11111111111111111111111111111111"
	secondID = "22222222222222222222222222222222"
)

func sample() []byte {
	return database([][3]string{
		{firstID, "", "unit @UNIT@ in @JOB_RESULT@, @lower@ @1@ @ a@b @LONG@ @@ @_X"},
		{firstID, "de", "Einheit @UNIT@"},
		{firstID, "pt_BR", "unidade @UNIT@"},
		{secondID, "de", "nur deutsch"},
	})
}

func TestText(t *testing.T) {
	t.Parallel()
	c, err := catalog.Parse(sample())
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]string{"UNIT": "a.service", "LONG": strings.Repeat("x", 252)}
	lookup := func(field string) (string, bool) { v, ok := fields[field]; return v, ok }
	english := "unit a.service in JOB_RESULT, @lower@ @1@ @ a@b LONG @@ @_X"
	for _, tt := range []struct {
		id, lang, want string
		ok             bool
	}{
		{firstID, "", english, true},
		{firstID, "C", english, true},
		{firstID, "fr_FR.UTF-8", english, true},
		{firstID, "de", "Einheit a.service", true},
		{firstID, "de_AT.UTF-8", "Einheit a.service", true},
		{firstID, "de@euro", "Einheit a.service", true},
		{firstID, "pt_BR", "unidade a.service", true},
		{firstID, "pt", english, true},
		{firstID, strings.Repeat("d", 40), english, true},
		{secondID, "de", "nur deutsch", true},
		{secondID, "", "", false},
		{"33333333333333333333333333333333", "", "", false},
	} {
		got, ok := c.Text(id(t, tt.id), tt.lang, lookup)
		if got != tt.want || ok != tt.ok {
			t.Errorf("Text(%s, %q) = %q, %v, want %q, %v", tt.id, tt.lang, got, ok, tt.want, tt.ok)
		}
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	c, err := catalog.Open(filepath.Join(t.TempDir(), "database"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*catalog.Catalog{c, nil} {
		if text, ok := c.Text(id(t, firstID), "", nil); ok {
			t.Errorf("Text = %q, want none", text)
		}
	}
}

func TestDamaged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "database")
	for n := range 40 + 4*56 {
		if err := os.WriteFile(path, sample()[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := catalog.Open(path); err == nil {
			t.Errorf("Open of the first %d bytes succeeds, want an error", n)
		}
	}
}

// TestDump compares with every text that journalctl knows.
func TestDump(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(catalog.DefaultPath); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("this machine has no message catalog: %v", err)
	}
	c, err := catalog.Open(catalog.DefaultPath)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("journalctl", "--dump-catalog")
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, part := range regexp.MustCompile("(?m)^-- ").Split("\n"+string(out), -1)[1:] {
		head, body, _ := strings.Cut(part, "\n")
		if len(head) < 32 || strings.Contains(head, " ") {
			t.Fatalf("unexpected head %q", head)
		}
		text, ok := c.Text(id(t, head), "", nil)
		if !ok {
			t.Errorf("no text for %s", head)
			continue
		}
		n++
		body = regexp.MustCompile("@([A-Z_]+)@").ReplaceAllString(body, "$1")
		if diff := cmp.Diff(strings.TrimSpace(body), strings.TrimSpace(text)); diff != "" {
			t.Errorf("%s differs (-journalctl +ours):\n%s", head, diff)
		}
	}
	if n < 20 {
		t.Errorf("compared %d texts, want more", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample())
	f.Add(sample()[:60])
	want := id(f, firstID)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := catalog.Parse(b)
		if err != nil {
			return
		}
		if text, ok := c.Text(want, "de_DE", nil); ok && len(text) > len(b) {
			t.Errorf("text of %d bytes from %d", len(text), len(b))
		}
	})
}
