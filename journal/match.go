// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"slices"
	"strings"
)

// Match is a condition on fields that an engine evaluates by its indexes. It has the
// shape of sd_journal_add_match(3): every group must hold; a group holds when one
// of its conjunctions does; a conjunction holds when for each field that it names
// one of the values named for it is present. The nil Match holds always.
type Match []Group

// Group is a disjunction (OR) of conjunctions.
type Group []Conjunction

// Conjunction is a list of terms. Terms on different fields are combined by AND, terms on
// the same field by OR.
type Conjunction []Term

// Term asks for a field with exactly this value.
type Term struct {
	Field string
	Value string
}

// Validate returns a *QueryError if a term names a field that cannot be one.
func (m Match) Validate() error {
	for _, group := range m {
		for _, conjunction := range group {
			for _, term := range conjunction {
				if !ValidFieldName(term.Field) {
					return &QueryError{Field: "match", Value: term.String(), Reason: "field names are upper-case letters, digits and underscores"}
				}
			}
		}
	}
	return nil
}

// Never reports whether no entry can satisfy the match, because a group has no conjunction.
func (m Match) Never() bool {
	return slices.ContainsFunc(m, func(g Group) bool { return len(g) == 0 })
}

// String returns FIELD=value, the form of sd_journal_add_match(3).
func (t Term) String() string { return t.Field + "=" + t.Value }

// ParseTerm reads FIELD=value. The name must follow the journal's rules: 1 to 64 characters
// of A-Z, 0-9 and underscore, not starting with a digit.
func ParseTerm(s string) (Term, error) {
	name, value, ok := strings.Cut(s, "=")
	if !ok {
		return Term{}, &QueryError{Field: "match", Value: s, Reason: "want FIELD=VALUE"}
	}
	if !ValidFieldName(name) {
		return Term{}, &QueryError{Field: "match", Value: s, Reason: "field names are upper-case letters, digits and underscores"}
	}
	return Term{Field: name, Value: value}, nil
}

// ValidFieldName reports whether the name can be that of a journal field.
func ValidFieldName(name string) bool {
	if name == "" || len(name) > 64 || name[0] >= '0' && name[0] <= '9' {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return true
}
