// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"bytes"
	"encoding/binary"
	"errors"
	"sort"

	"github.com/noded/noded/journal"
)

// The format of the database, in little endian, after catalog.c of the systemd project:
//
//	+--------------------------------------------------------------------------+
//	| signature 8 | compatible 4 | incompatible 4 | header size 8 | items 8    |
//	| item size 8 |                                                            |
//	+--------------------------------------------------------------------------+
//	| item: id 16 | language 32, NUL-padded | offset 8 | reserved up to item size |   items times
//	+--------------------------------------------------------------------------+
//	| texts, each ended by NUL; the offset counts from here                    |
//	+--------------------------------------------------------------------------+
//
// Items are sorted by id, then language.
const (
	signature     = "RHHHKSLP"
	headerBytes   = 40
	idBytes       = 16
	languageBytes = 32
	itemBytes     = idBytes + languageBytes + 8
)

// ErrFormat: the bytes are no message catalog that this package knows.
var ErrFormat = errors.New("not a message catalog")

// Parse reads a database from memory. The Catalog keeps b, which must not change.
func Parse(b []byte) (*Catalog, error) {
	if len(b) < headerBytes || string(b[:8]) != signature {
		return nil, ErrFormat
	}
	if binary.LittleEndian.Uint32(b[12:]) != 0 {
		return nil, ErrFormat // a feature that is not known
	}
	header := binary.LittleEndian.Uint64(b[16:])
	items := binary.LittleEndian.Uint64(b[24:])
	size := binary.LittleEndian.Uint64(b[32:])
	length := uint64(len(b))
	if header < headerBytes || header > length || size < itemBytes || size > length {
		return nil, ErrFormat
	}
	if items > (length-header)/size {
		return nil, ErrFormat
	}
	end := header + items*size
	return &Catalog{items: b[header:end], texts: b[end:], itemSize: int(size)}, nil
}

// find returns the text of exactly this id and language.
func (c *Catalog) find(id journal.ID128, lang string) (string, bool) {
	n := len(c.items) / c.itemSize
	item := func(i int) []byte { return c.items[i*c.itemSize : (i+1)*c.itemSize] }
	language := func(i int) []byte { return untilNUL(item(i)[idBytes : idBytes+languageBytes]) }
	i := sort.Search(n, func(i int) bool {
		if order := bytes.Compare(item(i)[:idBytes], id[:]); order != 0 {
			return order > 0
		}
		return string(language(i)) >= lang
	})
	if i == n || !bytes.Equal(item(i)[:idBytes], id[:]) || string(language(i)) != lang {
		return "", false
	}
	offset := binary.LittleEndian.Uint64(item(i)[idBytes+languageBytes:])
	if offset >= uint64(len(c.texts)) {
		return "", false
	}
	return string(untilNUL(c.texts[offset:])), true
}
