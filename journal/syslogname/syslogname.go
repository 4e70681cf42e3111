// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

// Package syslogname knows the names of syslog priorities and facilities.
//
//	set, err := syslogname.ParsePriorities("warning..err")
//	numbers, err := syslogname.ParseFacilities([]string{"auth,authpriv"})
package syslogname

import (
	"slices"
	"strconv"
	"strings"

	"github.com/noded/noded/journal"
)

// PriorityNames returns the names of the priorities: the index is the number.
func PriorityNames() []string {
	return []string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}
}

// FacilityNames returns the names of the facilities: the index is the number. 12 to 15 have no
// name, so theirs is the number, as in journalctl --facility=help.
func FacilityNames() []string {
	return []string{
		"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
		"12", "13", "14", "15", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
	}
}

// maxFacility is the largest number of a facility that fits a syslog message.
const maxFacility = 127

// ParsePriorities reads what journalctl --priority takes: one priority, which means it and all that are
// more important, or a range such as 3..5 or err..notice, in any order. The error is a *journal.QueryError.
func ParsePriorities(s string) (journal.PrioritySet, error) {
	from, to, isRange := strings.Cut(s, "..")
	low, ok := parsePriority(from)
	high := 0
	if ok && isRange {
		high, ok = parsePriority(to)
	}
	if !ok {
		return 0, &journal.QueryError{
			Field: "priority", Value: s,
			Reason: "unknown priority; use 0 to 7 or one of " + strings.Join(PriorityNames(), ", ") + ", or a range as in warning..err",
		}
	}
	return journal.PriorityRange(low, high), nil
}

// parsePriority reads a name or a number.
func parsePriority(s string) (int, bool) {
	if i := slices.Index(PriorityNames(), s); i >= 0 {
		return i, true
	}
	n, err := strconv.ParseUint(s, 10, 8)
	return int(n), err == nil && n <= 7
}

// ParseFacilities reads lists of facility names or numbers, each item separated by commas as in
// journalctl --facility. The numbers are returned sorted, each once. The error is a *journal.QueryError.
func ParseFacilities(lists []string) ([]int, error) {
	var numbers []int
	for _, list := range lists {
		for item := range strings.SplitSeq(list, ",") {
			if item == "" {
				continue
			}
			n, ok := parseFacility(item)
			if !ok {
				return nil, &journal.QueryError{
					Field: "facility", Value: item,
					Reason: "unknown facility; use a number from 0 to 127 or one of " + strings.Join(FacilityNames(), ", "),
				}
			}
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers), nil
}

// parseFacility reads a name or a number.
func parseFacility(s string) (int, bool) {
	if i := slices.Index(FacilityNames(), s); i >= 0 {
		return i, true
	}
	n, err := strconv.ParseUint(s, 10, 8)
	return int(n), err == nil && n <= maxFacility
}
