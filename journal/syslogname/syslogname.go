// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package syslogname knows the names of syslog priorities and facilities.
//
//	set, err := syslogname.ParsePriorities("warning..err")
//	numbers, err := syslogname.ParseFacilities([]string{"auth,authpriv"})
package syslogname

import (
	"errors"

	"github.com/noded/noded/journal"
)

// ParsePriorities reads what journalctl --priority takes: one priority, which means it and all that are
// more important, or a range such as 3..5 or err..notice, in any order. The error is a *journal.QueryError.
func ParsePriorities(s string) (journal.PrioritySet, error) { return 0, errors.ErrUnsupported }

// PriorityNames returns the names of the priorities: the index is the number.
func PriorityNames() []string { return nil }

// ParseFacilities reads lists of facility names or numbers, each item separated by commas as in
// journalctl --facility. The numbers are returned sorted, each once. The error is a *journal.QueryError.
func ParseFacilities(lists []string) ([]int, error) { return nil, errors.ErrUnsupported }

// FacilityNames returns the names of the facilities, by number.
func FacilityNames() []string { return nil }
