// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package catalog reads the compiled message catalog of systemd: explanations of
// well-known messages, found by their MESSAGE_ID.
//
//	c, err := catalog.Open(catalog.DefaultPath)
//	text := c.Explain("de_DE", lookup)
//
// # Security
//
// The database belongs to root, but it may come from a foreign directory tree. It is read as a
// whole, up to a fixed size, and every offset in it is checked.
package catalog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/noded/noded/journal"
)

// DefaultPath is where systemd keeps the database.
const DefaultPath = "/var/lib/systemd/catalog/database"

// maxDatabaseBytes is the largest database that is read; that of Debian 12 has 210 KiB.
const maxDatabaseBytes = 64 << 20

// maxValueBytes is the size of FIELD=value up to which a value is put into a text.
const maxValueBytes = 256

// Catalog is a message catalog. The nil Catalog has no texts. It is safe for concurrent use.
type Catalog struct {
	// items are the fixed-size entries, sorted by id and language; texts what they point into. Read-only.
	items, texts []byte
	itemSize     int
}

// Open reads the database. A database that does not exist is not an error: it has no texts.
func Open(path string) (*Catalog, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &Catalog{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open message catalog: %w", err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxDatabaseBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read message catalog %s: %w", path, err)
	}
	if len(b) > maxDatabaseBytes {
		return nil, fmt.Errorf("read message catalog %s: more than %d bytes", path, maxDatabaseBytes)
	}
	b = bytes.Clone(b) // without the room that is left behind it: it is kept for good
	c, err := Parse(b)
	if err != nil {
		return nil, fmt.Errorf("read message catalog %s: %w", path, err)
	}
	return c, nil
}

// Explain returns the text for an entry, whose fields lookup returns; empty if it has no MESSAGE_ID or the catalog does
// not know it. The language and lookup are those of Text.
func (c *Catalog) Explain(lang string, lookup func(field string) (string, bool)) string {
	value, ok := lookup("MESSAGE_ID")
	if !ok {
		return ""
	}
	id, err := journal.ParseID128(value)
	if err != nil {
		return ""
	}
	text, _ := c.Text(id, lang, lookup)
	return text
}

// Text returns the text for a message in the language, such as "de_DE" or "de"; in the default
// language if there is none in that one. @FIELD@ in it is replaced by what lookup returns
// for FIELD; where lookup has nothing, or more than 256 bytes, by the name. A nil lookup has nothing.
// ok is false when the catalog does not know the message.
func (c *Catalog) Text(id journal.ID128, lang string, lookup func(field string) (string, bool)) (text string, ok bool) {
	raw, ok := c.raw(id, lang)
	if !ok {
		return "", false
	}
	return replaceFields(raw, lookup), true
}

// raw returns the text with its variables.
func (c *Catalog) raw(id journal.ID128, lang string) (string, bool) {
	if c == nil || c.itemSize == 0 {
		return "", false
	}
	if i := strings.IndexAny(lang, ".@"); i >= 0 {
		lang = lang[:i]
	}
	if lang != "" && lang != "C" && lang != "POSIX" && len(lang) < languageBytes {
		if text, ok := c.find(id, lang); ok {
			return text, true
		}
		if base, _, ok := strings.Cut(lang, "_"); ok {
			if text, ok := c.find(id, base); ok {
				return text, true
			}
		}
	}
	return c.find(id, "")
}

// replaceFields replaces each @FIELD@, FIELD of upper-case letters and underscores.
func replaceFields(text string, lookup func(field string) (string, bool)) string {
	var b strings.Builder
	for {
		at := strings.IndexByte(text, '@')
		if at < 0 {
			b.WriteString(text)
			return b.String()
		}
		b.WriteString(text[:at])
		text = text[at+1:]
		end := 0
		for end < len(text) && (text[end] >= 'A' && text[end] <= 'Z' || text[end] == '_') {
			end++
		}
		if end == 0 || end == len(text) || text[end] != '@' {
			b.WriteByte('@')
			continue
		}
		b.WriteString(fieldText(text[:end], lookup))
		text = text[end+1:]
	}
}

func fieldText(field string, lookup func(field string) (string, bool)) string {
	if lookup == nil {
		return field
	}
	value, ok := lookup(field)
	if !ok || len(field)+1+len(value) > maxValueBytes {
		return field
	}
	value, _, _ = strings.Cut(value, "\x00")
	return value
}

// untilNUL returns b up to its first NUL byte.
func untilNUL(b []byte) []byte {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		return b[:i]
	}
	return b
}
