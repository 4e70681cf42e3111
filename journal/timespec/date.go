// Copyright The noded Authors.
// SPDX-License-Identifier: Apache-2.0

package timespec

import (
	"strings"
	"time"
)

// clockTime is a calendar date and a time of day.
type clockTime struct {
	year, month, day, hour, minute, second, usec int
}

// parseAbsolute reads [WEEKDAY ][DATE][ TIME] in the zone. The date defaults to today, the
// time to midnight. zone, if not empty, must be the abbreviation that the zone then uses.
func parseAbsolute(s string, now time.Time, loc *time.Location, zone string) (time.Time, bool) {
	weekday, s := cutWeekday(s)
	c := clockTime{year: now.Year(), month: int(now.Month()), day: now.Day()}
	date, s := cutDate(s, &c)
	if date {
		// Like strptime, which systemd uses, this does not insist on the space.
		s = strings.TrimLeft(s, " ")
	}
	if s != "" {
		if !parseClock(s, &c) {
			return time.Time{}, false
		}
	} else if !date {
		return time.Time{}, false
	}
	t := time.Date(c.year, time.Month(c.month), c.day, c.hour, c.minute, c.second, c.usec*1000, loc)
	if weekday >= 0 && int(t.Weekday()) != weekday {
		return time.Time{}, false
	}
	if zone != "" {
		if name, _ := t.Zone(); name != zone {
			return time.Time{}, false
		}
	}
	return t, true
}

// cutWeekday cuts the name of a day and the space after it; -1 without one. 0 is Sunday.
func cutWeekday(s string) (weekday int, rest string) {
	name, rest, ok := strings.Cut(s, " ")
	if ok {
		for d := time.Sunday; d <= time.Saturday; d++ {
			if strings.EqualFold(name, d.String()) || strings.EqualFold(name, d.String()[:3]) {
				return int(d), strings.TrimLeft(rest, " ")
			}
		}
	}
	return -1, s
}

// cutDate cuts YEAR-MONTH-DAY. A year of two digits is 1969 to 2068.
func cutDate(s string, c *clockTime) (ok bool, rest string) {
	year, digits, after := cutInt(s, 4)
	if digits == 0 || !strings.HasPrefix(after, "-") {
		return false, s
	}
	month, monthDigits, after := cutInt(after[1:], 2)
	if monthDigits == 0 || !strings.HasPrefix(after, "-") {
		return false, s
	}
	day, dayDigits, after := cutInt(after[1:], 2)
	if dayDigits == 0 || month < 1 || month > 12 || day < 1 || day > 31 {
		return false, s
	}
	if digits <= 2 {
		year += 1900
		if year < 1969 {
			year += 100
		}
	}
	c.year, c.month, c.day = year, month, day
	return true, after
}

// parseClock reads HOUR:MINUTE[:SECOND[.FRACTION]], which must be all of s.
func parseClock(s string, c *clockTime) bool {
	hour, digits, s := cutInt(s, 2)
	if digits == 0 || hour > 23 || !strings.HasPrefix(s, ":") {
		return false
	}
	minute, digits, s := cutInt(s[1:], 2)
	if digits == 0 || minute > 59 {
		return false
	}
	c.hour, c.minute = hour, minute
	if s == "" {
		return true
	}
	if s[0] != ':' {
		return false
	}
	c.second, digits, s = cutInt(s[1:], 2)
	if digits == 0 || c.second > 61 {
		return false
	}
	if s == "" {
		return true
	}
	return s[0] == '.' && parseFraction(s[1:], c)
}

// parseFraction reads the digits of a fraction of a second, rounded to microseconds.
func parseFraction(s string, c *clockTime) bool {
	if s == "" {
		return false
	}
	usec := 0
	for i := range max(len(s), 6) {
		digit := 0
		if i < len(s) {
			if !isDigit(s[i]) {
				return false
			}
			digit = int(s[i] - '0')
		}
		switch {
		case i < 6:
			usec = usec*10 + digit
		case i == 6 && digit >= 5:
			usec++
		}
	}
	c.usec = usec
	return true
}

// cutInt cuts a number of at most limit digits.
func cutInt(s string, limit int) (n, digits int, rest string) {
	for digits < limit && digits < len(s) && isDigit(s[digits]) {
		n = n*10 + int(s[digits]-'0')
		digits++
	}
	return n, digits, s[digits:]
}
