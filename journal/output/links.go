// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import "github.com/noded/noded/journal"

// manyFields is the number of fields from which repeated ones are found by a map.
const manyFields = 64

// links finds repeated fields.
type links struct {
	// next links the values of a field, by index. It is reused.
	next []int
	// names finds repeated fields in records with very many fields.
	names map[string]int
}

// repeated returns for each field: -1 if it is not printed; for the first of its name the
// index of the next of that name, or 0; for the others -2 minus that.
func (l *links) repeated(fields []journal.Field, printed func(string) bool) []int {
	next := l.next[:0]
	many := len(fields) > manyFields
	if many {
		if l.names == nil {
			l.names = make(map[string]int)
		}
		clear(l.names)
	}
	var marks uint64
	for i := range fields {
		name := fields[i].Name
		if !printed(name) {
			next = append(next, -1)
			continue
		}
		last, ok := -1, false
		if many {
			last, ok = l.names[name]
			l.names[name] = i
		} else {
			// Names of different marks are different, so most need no search.
			mark := uint64(1) << ((uint(len(name))*5 + uint(name[len(name)-1])*11 + uint(name[len(name)/2])) & 63)
			for k := i - 1; marks&mark != 0 && k >= 0 && !ok; k-- {
				if next[k] != -1 && fields[k].Name == name {
					last, ok = k, true
				}
			}
			marks |= mark
		}
		if !ok {
			next = append(next, 0)
			continue
		}
		if next[last] == 0 {
			next[last] = i
		} else {
			next[last] = -2 - i
		}
		next = append(next, -2)
	}
	l.next = next
	return next
}
