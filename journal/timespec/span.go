// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package timespec

import (
	"math"
	"math/bits"
	"strings"
	"time"

	"github.com/noded/noded/journal"
)

// The lengths of units in microseconds. A year is 365.25 days and a month a twelfth of it.
const (
	microsecond uint64 = 1
	millisecond        = 1000 * microsecond
	second             = 1000 * millisecond
	minute             = 60 * second
	hour               = 60 * minute
	day                = 24 * hour
	week               = 7 * day
	year               = 31557600 * second
	month              = year / 12
)

// ParseSpan returns the length of a time span such as "1h 30min", "2days" or "90", which is
// seconds. m is minutes and M is months. The error is a *journal.QueryError.
func ParseSpan(s string) (time.Duration, error) {
	usec, ok := parseSpan(s)
	if !ok {
		return 0, &journal.QueryError{
			Field: "span", Value: s,
			Reason: `not a time span; use for example "1h 30min", "2days" or "90" (seconds)`,
		}
	}
	if usec > math.MaxInt64/1000 {
		return 0, &journal.QueryError{Field: "span", Value: s, Reason: "longer than 292 years"}
	}
	return time.Duration(usec) * time.Microsecond, nil
}

// parseSpan returns a span in microseconds.
func parseSpan(s string) (uint64, bool) {
	var total uint64
	s = skipSpace(s)
	for first := true; s != "" || first; first = false {
		number, fraction, rest, ok := cutNumber(s)
		if !ok {
			return 0, false
		}
		unit, rest := cutUnit(skipSpace(rest))
		high, usec := bits.Mul64(number, unit)
		if high != 0 {
			return 0, false
		}
		part := unit
		var small uint64
		for i := range len(fraction) {
			part /= 10
			small += part * uint64(fraction[i]-'0')
		}
		var carry1, carry2 uint64
		total, carry1 = bits.Add64(total, usec, 0)
		total, carry2 = bits.Add64(total, small, 0)
		if carry1 != 0 || carry2 != 0 || total == math.MaxUint64 {
			return 0, false
		}
		s = skipSpace(rest)
	}
	return total, true
}

// cutNumber cuts a decimal number with an optional fraction from the front of s.
func cutNumber(s string) (number uint64, fraction, rest string, ok bool) {
	s = strings.TrimPrefix(s, "+")
	i := 0
	for ; i < len(s) && isDigit(s[i]); i++ {
		if number > math.MaxInt64/10 {
			return 0, "", "", false
		}
		number = number*10 + uint64(s[i]-'0')
	}
	if number > math.MaxInt64 {
		return 0, "", "", false
	}
	if i < len(s) && s[i] == '.' {
		start := i + 1
		i = start
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		// 12.34.56 is an error, but 12.34 .56 is not.
		ok = i > start && !strings.HasPrefix(s[i:], ".")
		return number, s[start:i], s[i:], ok
	}
	return number, "", s[i:], i > 0
}

// cutUnit cuts a unit from the front of s; without one it is seconds.
func cutUnit(s string) (unit uint64, rest string) {
	// An entry stands before those that are a prefix of it.
	for _, u := range [...]struct {
		name string
		usec uint64
	}{
		{"seconds", second}, {"second", second}, {"sec", second}, {"s", second},
		{"minutes", minute}, {"minute", minute}, {"min", minute},
		{"months", month}, {"month", month}, {"M", month},
		{"msec", millisecond}, {"ms", millisecond}, {"m", minute},
		{"hours", hour}, {"hour", hour}, {"hr", hour}, {"h", hour},
		{"days", day}, {"day", day}, {"d", day},
		{"weeks", week}, {"week", week}, {"w", week},
		{"years", year}, {"year", year}, {"y", year},
		{"usec", microsecond}, {"us", microsecond}, {"\u03bcs", microsecond}, {"\u00b5s", microsecond},
	} {
		if rest, ok := strings.CutPrefix(s, u.name); ok {
			return u.usec, rest
		}
	}
	return second, s
}

func skipSpace(s string) string { return strings.TrimLeft(s, " \t\n\r") }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
