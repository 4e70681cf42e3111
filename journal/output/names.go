// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import "strings"

// maxNames is how many names of fields a Printer knows at a time.
const maxNames = 1024

// nameSet is a set of names by their numbers.
type nameSet [maxNames / 64]uint64

// add adds a name and reports whether it is new.
func (s *nameSet) add(n *name) bool {
	word, bit := &s[n.number/64%uint(len(s))], uint64(1)<<(n.number%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

// name is what a mode knows of a field's name.
type name struct {
	text string
	// number is less than maxNames.
	number uint
	// printed: the mode prints fields of this name.
	printed bool
	// head is what stands before the value in the JSON modes.
	head []byte
}

// names are the names that a mode has met.
type names struct {
	// recent has names at a place that their characters give, for a first look.
	recent [256]*name
	all    map[string]*name
}

// find returns the name, or nil if it is not known.
func (t *names) find(text string) *name {
	place := &t.recent[placeOf(text)]
	if n := *place; n != nil && n.text == text {
		return n
	}
	n := t.all[text]
	if n != nil {
		*place = n
	}
	return n
}

// add adds a name that is not known. It returns nil if there is no more room.
func (t *names) add(text string) *name {
	if len(t.all) >= maxNames {
		return nil
	}
	if t.all == nil {
		t.all = make(map[string]*name)
	}
	n := &name{text: strings.Clone(text), number: uint(len(t.all))}
	t.all[n.text] = n
	t.recent[placeOf(text)] = n
	return n
}

// placeOf returns where to look for a name first.
func placeOf(text string) uint8 {
	if text == "" {
		return 0
	}
	return uint8(len(text))*5 + text[len(text)-1]*11 + text[len(text)/2]*3 + text[0]
}
